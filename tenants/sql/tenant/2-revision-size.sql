-- How large a revision is and how many nodes it has: counted at the deploy, so that a list reads no flows.
ALTER TABLE revision ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE revision ADD COLUMN nodes INTEGER NOT NULL DEFAULT 0;
UPDATE revision SET bytes = length(CAST(flows AS BLOB)),
    nodes = CASE WHEN json_valid(flows) THEN json_array_length(flows) ELSE 0 END;
