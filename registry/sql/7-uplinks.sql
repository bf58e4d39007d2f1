-- Registries outside that public names come from, beside the one of the options, which is called 'default'.
CREATE TABLE uplink (
    name       TEXT NOT NULL PRIMARY KEY,
    url        TEXT NOT NULL,    -- 'https://…', without credentials
    auth       TEXT NOT NULL CHECK (auth IN ('none', 'bearer', 'basic')),
    secret     TEXT,             -- sealed: the token, or user:password
    proxy      TEXT,             -- sealed, since it may hold a password; NULL: the platform's
    no_proxy   TEXT,
    ca         TEXT,             -- PEM; NULL: the platform's
    hosts      TEXT NOT NULL DEFAULT '[]', -- JSON: further origins that tarballs and redirects may name
    timeout_ms INTEGER NOT NULL,
    fresh_ms   INTEGER NOT NULL,
    stale_ms   INTEGER NOT NULL,
    offline    INTEGER NOT NULL DEFAULT 0, -- nothing goes out to it
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL     -- user name
) STRICT;

-- Which uplink a public name comes from: the first rule that fits, else the default one.
CREATE TABLE uplink_rule (
    id         TEXT NOT NULL PRIMARY KEY,
    position   INTEGER NOT NULL,
    pattern    TEXT NOT NULL UNIQUE, -- lower case; '*' is any run
    uplink     TEXT,                 -- NULL: blocked
    reason     TEXT,                 -- of a block, for who asks
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT;

-- Private names of which it is known that an uplink has them too.
CREATE TABLE uplink_outside (
    name    TEXT NOT NULL,
    uplink  TEXT NOT NULL,
    how     TEXT NOT NULL CHECK (how IN ('served', 'asked')), -- before it was private; by an admin
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (name, uplink)
) STRICT, WITHOUT ROWID;

ALTER TABLE uplink_document ADD COLUMN uplink TEXT NOT NULL DEFAULT 'default';
ALTER TABLE uplink_document ADD COLUMN checked_at INTEGER NOT NULL DEFAULT 0; -- when the uplink last stood by it
ALTER TABLE uplink_document ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uplink_document ADD COLUMN kept INTEGER NOT NULL DEFAULT 0; -- came in a bundle: stays at any size
ALTER TABLE uplink_tarball ADD COLUMN uplink TEXT NOT NULL DEFAULT 'default';
ALTER TABLE uplink_tarball ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uplink_tarball ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
CREATE INDEX uplink_document_used ON uplink_document (used_at);
CREATE INDEX uplink_tarball_used ON uplink_tarball (used_at);
