-- Which start of an instance may write. A runtime of an older generation is refused.
CREATE TABLE runtime (
    instance   TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    revision   INTEGER NOT NULL DEFAULT 0    -- number of the current revision; 0: never deployed
) STRICT;

-- The flows and credentials of each deploy. The text is exactly what Node-RED sent.
CREATE TABLE revision (
    instance    TEXT NOT NULL,
    number      INTEGER NOT NULL,
    rev         TEXT NOT NULL,               -- sha256 of flows, hex: the same that Node-RED computes
    flows       TEXT NOT NULL,
    credentials TEXT NOT NULL,               -- encrypted by Node-RED; opaque to us
    author      TEXT,                        -- user name; NULL: nobody was known
    at          INTEGER NOT NULL,
    PRIMARY KEY (instance, number)
) STRICT, WITHOUT ROWID;

-- Whole documents that Node-RED reads and writes: its settings and its sessions.
CREATE TABLE document (
    instance TEXT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('settings', 'sessions')),
    body     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (instance, kind)
) STRICT, WITHOUT ROWID;

-- The library of flows, functions and templates.
CREATE TABLE library (
    instance TEXT NOT NULL,
    type     TEXT NOT NULL,
    path     TEXT NOT NULL,                  -- "dir/name", no leading slash
    meta     TEXT NOT NULL,
    body     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (instance, type, path)
) STRICT, WITHOUT ROWID;

-- Context of flows that is kept centrally.
CREATE TABLE context (
    instance TEXT NOT NULL,
    scope    TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (instance, scope, key)
) STRICT, WITHOUT ROWID;
