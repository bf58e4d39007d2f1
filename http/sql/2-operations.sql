-- A long-running action with progress.
CREATE TABLE operation (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,             -- "instance.start"
    tenant     TEXT,                      -- id; NULL: the platform's
    subject    TEXT NOT NULL,             -- "demo"
    user       TEXT,                      -- id of who asked; NULL: the system
    state      TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    percent    INTEGER,                   -- NULL: not known
    step       TEXT,                      -- what happens now, a sentence
    code       TEXT,                      -- of failed: stable code
    problem    TEXT,                      -- of failed: a sentence
    started_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX operation_running ON operation (state) WHERE state = 'running';

-- Answers to POSTs that carried an Idempotency-Key, for a day.
CREATE TABLE idempotency (
    user   TEXT NOT NULL,
    key    TEXT NOT NULL,
    path   TEXT NOT NULL,
    status INTEGER NOT NULL,
    body   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (user, key)
) STRICT, WITHOUT ROWID;
