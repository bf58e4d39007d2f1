-- A person.
CREATE TABLE user (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,      -- what people log in with
    email         TEXT,
    password      TEXT NOT NULL,             -- argon2id, encoded
    admin         INTEGER NOT NULL DEFAULT 0,
    must_change   INTEGER NOT NULL DEFAULT 0, -- the password, before anything else
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER
) STRICT;

-- An organisation or a person that owns instances, an npm scope, themes and sources.
CREATE TABLE tenant (
    id         TEXT PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,         -- also its npm scope
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- A user in a tenant.
CREATE TABLE member (
    tenant TEXT NOT NULL REFERENCES tenant ON DELETE CASCADE,
    user   TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
    role   TEXT NOT NULL CHECK (role IN ('dashboard', 'viewer', 'developer', 'owner')),
    since  INTEGER NOT NULL,
    PRIMARY KEY (tenant, user)
) STRICT, WITHOUT ROWID;

-- One browser on one host. A child (an instance's host) ends with its parent (the portal).
CREATE TABLE session (
    id         TEXT PRIMARY KEY,
    hash       BLOB NOT NULL UNIQUE,         -- sha256 of the cookie's value
    user       TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
    host       TEXT NOT NULL,                -- as in the Host header, lower case
    parent     TEXT REFERENCES session ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX session_of_user ON session (user);
CREATE INDEX session_of_parent ON session (parent);

-- A token of a person or of one start of an instance.
CREATE TABLE token (
    id         TEXT PRIMARY KEY,
    hash       BLOB NOT NULL UNIQUE,         -- sha256 of the token
    hint       TEXT NOT NULL,                -- its first characters, for lists
    user       TEXT REFERENCES user ON DELETE CASCADE,
    label      TEXT NOT NULL,
    scopes     INTEGER NOT NULL,             -- what it leaves of its owner's scopes
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL DEFAULT 0,   -- 0: never
    used_at    INTEGER,
    used_from  TEXT,
    instance   TEXT,                         -- of an instance's token
    tenant     TEXT,
    generation INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX token_of_user ON token (user);
CREATE INDEX token_of_instance ON token (instance);
