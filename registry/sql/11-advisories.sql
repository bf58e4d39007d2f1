-- What is known against packages: from imported OSV exports, and written here about packages of ours.
CREATE TABLE advisory (
    number       INTEGER PRIMARY KEY,   -- what npm calls its id
    id           TEXT NOT NULL UNIQUE,  -- 'GHSA-…', of ours 'RH-…'
    tenant       TEXT,                  -- id of whose package an own one is about; NULL: of the platform's scope, or imported
    own          INTEGER NOT NULL,      -- written here
    title        TEXT NOT NULL,
    url          TEXT NOT NULL,         -- '' of own ones without one
    level        TEXT NOT NULL CHECK (level IN ('low', 'moderate', 'high', 'critical')),
    score        INTEGER NOT NULL,      -- CVSS 3, in tenths; 0: none
    vector       TEXT,                  -- CVSS 3
    aliases      TEXT NOT NULL, -- JSON array
    cwe          TEXT NOT NULL,     -- JSON array
    published_at TEXT NOT NULL,         -- as it was told
    modified_at  TEXT NOT NULL          -- likewise: one that says the same again is passed over
) STRICT;

-- Which versions of which packages. A range is one that npm reads.
CREATE TABLE advisory_range (
    package    TEXT NOT NULL,
    advisory   INTEGER NOT NULL REFERENCES advisory (number) ON DELETE CASCADE,
    vulnerable TEXT NOT NULL,
    patched    TEXT NOT NULL, -- '' when no version is
    PRIMARY KEY (package, advisory)
) STRICT, WITHOUT ROWID;
CREATE INDEX advisory_range_advisory ON advisory_range (advisory);

-- The last imports and what they did.
CREATE TABLE advisory_import (
    id          TEXT NOT NULL PRIMARY KEY, -- of the operation
    by          TEXT NOT NULL,             -- user name
    started_at  INTEGER NOT NULL,
    report      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
