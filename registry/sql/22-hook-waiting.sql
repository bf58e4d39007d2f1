-- How many deliveries of a hook wait. Counted as they come and go: it is asked for at each change of a package, and one
-- command can change thousands of versions while the writer is held.
ALTER TABLE hook ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
UPDATE hook SET waiting = (SELECT count(*) FROM hook_delivery WHERE hook = hook.id AND state = 'waiting');
CREATE TRIGGER hook_delivery_comes AFTER INSERT ON hook_delivery WHEN new.state = 'waiting' BEGIN
    UPDATE hook SET waiting = waiting + 1 WHERE id = new.hook;
END;
CREATE TRIGGER hook_delivery_ends AFTER UPDATE OF state ON hook_delivery WHEN old.state <> new.state BEGIN
    UPDATE hook SET waiting = waiting + iif(new.state = 'waiting', 1, iif(old.state = 'waiting', -1, 0)) WHERE id = new.hook;
END;
CREATE TRIGGER hook_delivery_goes AFTER DELETE ON hook_delivery WHEN old.state = 'waiting' BEGIN
    UPDATE hook SET waiting = waiting - 1 WHERE id = old.hook;
END;
