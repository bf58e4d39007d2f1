-- A package that lives here, with the summary that lists and searches show. The summary is written anew by
-- every change of its versions or tags.
CREATE TABLE package (
    name         TEXT NOT NULL PRIMARY KEY, -- '@acme/red-hello'
    folded       TEXT NOT NULL UNIQUE,      -- lower case: two names that differ only in case are one
    tenant       TEXT,                      -- id of the owner; NULL: the platform's scope
    rev          INTEGER NOT NULL,          -- counts changes; the number in _rev
    created_at   INTEGER NOT NULL,
    modified_at  INTEGER NOT NULL,
    latest       TEXT NOT NULL DEFAULT '',  -- version of the tag latest
    description  TEXT NOT NULL DEFAULT '',  -- of latest
    keywords     TEXT NOT NULL DEFAULT '[]',
    types        TEXT NOT NULL DEFAULT '[]', -- Node-RED node types of latest
    publisher    TEXT NOT NULL DEFAULT '',  -- user name, of latest
    versions     INTEGER NOT NULL DEFAULT 0,-- how many are there
    deprecated   INTEGER NOT NULL DEFAULT 0 -- latest is
) STRICT;
CREATE INDEX package_tenant ON package (tenant, name);

-- One published version. The three documents are put together with the public address when a body is
-- built; nothing here holds an absolute address.
CREATE TABLE package_version (
    id             INTEGER PRIMARY KEY,      -- order of publishing
    package        TEXT NOT NULL REFERENCES package (name) ON DELETE CASCADE,
    version        TEXT NOT NULL,
    manifest       TEXT NOT NULL,    -- full form, without dist and deprecated
    abbreviated    TEXT NOT NULL, -- what installers need, likewise
    dist           TEXT NOT NULL,        -- without tarball
    readme         TEXT,
    readme_name    TEXT,
    types          TEXT NOT NULL DEFAULT '[]',
    node_red       TEXT,                     -- range of Node-RED ('*' if it does not say); NULL: not for it
    deprecated     TEXT,                     -- the message; NULL: it is not
    sha512         BLOB NOT NULL CHECK (length(sha512) = 64), -- the blob
    bytes          INTEGER NOT NULL,         -- of the tarball
    install_script INTEGER NOT NULL,         -- it runs something when installed
    publisher      TEXT NOT NULL,            -- user name
    publisher_id   TEXT,                     -- user id; NULL: the system
    source         TEXT NOT NULL,            -- 'publish', 'build', 'upload'
    commit_id      TEXT,                     -- of a build
    published_at   INTEGER NOT NULL,
    UNIQUE (package, version)
) STRICT;
CREATE INDEX package_version_blob ON package_version (sha512);

-- dist-tags
CREATE TABLE package_tag (
    package TEXT NOT NULL REFERENCES package (name) ON DELETE CASCADE,
    tag     TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (package, tag),
    FOREIGN KEY (package, version) REFERENCES package_version (package, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX package_tag_version ON package_tag (package, version);

-- Who looks after a package. In the platform's scope only they and admins may publish it again.
CREATE TABLE package_owner (
    package TEXT NOT NULL REFERENCES package (name) ON DELETE CASCADE,
    user    TEXT NOT NULL, -- id
    name    TEXT NOT NULL, -- user name
    PRIMARY KEY (package, user)
) STRICT, WITHOUT ROWID;

-- Versions that were taken back: the number stays used, and only the same bytes may come again.
CREATE TABLE package_tombstone (
    package    TEXT NOT NULL, -- stands on when the package is gone
    version    TEXT NOT NULL,
    sha512     BLOB NOT NULL,
    removed_at INTEGER NOT NULL,
    removed_by TEXT NOT NULL, -- user name
    PRIMARY KEY (package, version)
) STRICT, WITHOUT ROWID;

-- Scopes that ever held a package of ours. They never go to the uplink, even when the tenant is gone.
CREATE TABLE package_scope (
    scope      TEXT NOT NULL PRIMARY KEY, -- without '@'
    tenant     TEXT,                      -- id of who published first; NULL: the platform
    created_at INTEGER NOT NULL
) STRICT;

-- Names without a scope that belong to a tenant. From the claim on they are ours or not there.
CREATE TABLE package_claim (
    name       TEXT NOT NULL PRIMARY KEY,
    tenant     TEXT NOT NULL,    -- id
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,    -- user name
    took_over  INTEGER NOT NULL  -- public versions had been served before
) STRICT;

-- Documents of public packages as the uplink gave them (blobs), kept for revalidation and bad days.
CREATE TABLE uplink_document (
    name       TEXT NOT NULL,
    form       TEXT NOT NULL,    -- 'full' or 'abbreviated'
    etag       TEXT,
    sha512     BLOB NOT NULL,
    bytes      INTEGER NOT NULL,
    fetched_at INTEGER NOT NULL,
    PRIMARY KEY (name, form)
) STRICT, WITHOUT ROWID;

-- Tarballs of public packages (blobs), verified against the document's promise before they were kept.
CREATE TABLE uplink_tarball (
    name       TEXT NOT NULL,
    file       TEXT NOT NULL,    -- 'lodash-4.17.21.tgz'
    sha512     BLOB NOT NULL,
    bytes      INTEGER NOT NULL,
    fetched_at INTEGER NOT NULL,
    PRIMARY KEY (name, file)
) STRICT, WITHOUT ROWID;
