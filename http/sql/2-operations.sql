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
CREATE INDEX operation_ended ON operation (ended_at);

-- Answers to POSTs that carried an Idempotency-Key, for a day. The key itself is not kept: it keys
-- the mark, so that what a body held (a password) cannot be guessed from the row.
CREATE TABLE idempotency (
    user     TEXT NOT NULL,             -- id of who asked
    key      BLOB NOT NULL,             -- sha256 of the key
    mark     BLOB NOT NULL,             -- HMAC of path and body, keyed with the key
    status   INTEGER NOT NULL,
    mime     TEXT NOT NULL,
    location TEXT,                      -- the header
    body     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (user, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);
