-- The packages of an instance as its runtime last told: a report, never proof. Replaced as a whole.
CREATE TABLE instance_module (
    instance        TEXT NOT NULL REFERENCES instance (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,         -- of the package
    version         TEXT NOT NULL,         -- that runs, or lies there for others to need
    pending_version TEXT,                  -- that runs after the next start; NULL: the same
    direct          INTEGER NOT NULL,      -- somebody installed it; 0: another package needs it
    types           TEXT NOT NULL,         -- JSON array of its node types
    PRIMARY KEY (instance, name, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_module_name ON instance_module (name);

-- When the list last changed, and what it was then: the same again writes nothing.
CREATE TABLE instance_report (
    instance TEXT NOT NULL PRIMARY KEY REFERENCES instance (id) ON DELETE CASCADE,
    digest   BLOB NOT NULL,                -- SHA-256 of the report
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
