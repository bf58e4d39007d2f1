-- How much a tenant may keep. No row: as much as it likes.
CREATE TABLE package_quota (
    tenant     TEXT NOT NULL PRIMARY KEY REFERENCES tenant (id) ON DELETE CASCADE,
    bytes      INTEGER,          -- of all tarballs; NULL: any
    versions   INTEGER,          -- NULL: any
    changed_by TEXT NOT NULL,    -- user name
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Sums without reading documents.
CREATE INDEX package_version_bytes ON package_version (package, bytes);

-- Which pre-releases of a tenant's packages stay. No row: all.
CREATE TABLE package_retention (
    tenant     TEXT NOT NULL PRIMARY KEY REFERENCES tenant (id) ON DELETE CASCADE,
    keep       INTEGER,          -- the newest of each package; NULL: does not count
    days       INTEGER,          -- those that are younger; NULL: does not count
    changed_by TEXT NOT NULL,    -- user name
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
