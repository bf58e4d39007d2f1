-- An address that is told what happens to the packages of a tenant.
CREATE TABLE hook (
    id            TEXT NOT NULL PRIMARY KEY,
    tenant        TEXT REFERENCES tenant (id) ON DELETE CASCADE, -- NULL: the platform's; told of all
    url           TEXT NOT NULL,
    events        TEXT NOT NULL,             -- ["publish",…]
    secret        TEXT NOT NULL,             -- sealed; signs deliveries
    active        INTEGER NOT NULL,
    cause         TEXT,                      -- why the last delivery failed, or it was switched off
    failing_since INTEGER,                   -- first failure after the last success; NULL: none
    created_by    TEXT NOT NULL,             -- user name
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX hook_tenant ON hook (tenant);

-- What a hook is told: written in the transaction of the change, sent afterwards, kept for a while.
CREATE TABLE hook_delivery (
    id         TEXT NOT NULL PRIMARY KEY,    -- later ones sort later
    hook       TEXT NOT NULL REFERENCES hook (id) ON DELETE CASCADE,
    event      TEXT NOT NULL,
    body       TEXT NOT NULL,                -- the JSON that is sent
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'failed')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    status     INTEGER,                      -- of the last answer; NULL: none came
    cause      TEXT,                         -- why the last attempt failed
    created_at INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,             -- of waiting: not before
    ended_at   INTEGER
) STRICT;
CREATE INDEX hook_delivery_waiting ON hook_delivery (hook, next_at) WHERE state = 'waiting';
CREATE INDEX hook_delivery_hook ON hook_delivery (hook, id);
