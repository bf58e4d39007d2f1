-- Public packages that somebody chose for a catalogue: the tenant's own, and the platform's, which all tenants see.
CREATE TABLE catalogue_pick (
    tenant   TEXT NOT NULL,    -- id; '': the platform's
    name     TEXT NOT NULL,    -- of a public package
    position INTEGER NOT NULL, -- smaller stands first
    note     TEXT NOT NULL,    -- for who chooses; '': none
    badge    TEXT NOT NULL,    -- a word or two: 'recommended'; '': none
    added_by TEXT NOT NULL,    -- user name
    added_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX catalogue_pick_name ON catalogue_pick (name);

-- What a catalogue says about a public package: of the uplink's document and the tarball of its latest version.
CREATE TABLE catalogue_public (
    name        TEXT NOT NULL PRIMARY KEY,
    version     TEXT,             -- latest; NULL: not known yet
    description TEXT NOT NULL DEFAULT '',
    keywords    TEXT NOT NULL DEFAULT '[]',
    types       TEXT NOT NULL DEFAULT '[]', -- node types, read from the tarball
    url         TEXT,             -- where one can read about it
    deprecated  TEXT,             -- the message; NULL: it is not
    updated_at  INTEGER NOT NULL DEFAULT 0, -- when that version was published
    looked_at   INTEGER NOT NULL DEFAULT 0, -- when the uplink was last asked
    cause       TEXT              -- why that failed; NULL: it did not
) STRICT;

-- The key in the address under which Node-REDs elsewhere read a tenant's catalogue.
CREATE TABLE catalogue_key (
    tenant     TEXT NOT NULL PRIMARY KEY, -- id
    hash       BLOB NOT NULL UNIQUE,      -- SHA-256 of the key, which is shown once
    created_by TEXT NOT NULL,             -- user name
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
