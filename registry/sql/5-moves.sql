-- Versions on their way from another registry: checked and stored, not shown before their package is whole.
CREATE TABLE move_version (
    package        TEXT NOT NULL,
    version        TEXT NOT NULL,
    tenant         TEXT,             -- id; NULL: the platform's scope
    manifest       TEXT NOT NULL,    -- these as in package_version
    abbreviated    TEXT NOT NULL,
    dist           TEXT NOT NULL,
    readme         TEXT,
    readme_name    TEXT,
    types          TEXT NOT NULL,
    node_red       TEXT,
    sha512         BLOB NOT NULL CHECK (length(sha512) = 64),
    bytes          INTEGER NOT NULL,
    install_script INTEGER NOT NULL,
    publisher      TEXT NOT NULL,
    publisher_id   TEXT,
    published_at   INTEGER NOT NULL,
    staged_at      INTEGER NOT NULL,
    PRIMARY KEY (package, version)
) STRICT;
CREATE INDEX move_version_blob ON move_version (sha512);
