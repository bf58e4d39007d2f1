-- Secrets of Verdaccios that moved here: by them their legacy tokens are read.
CREATE TABLE legacy_secret (
    id         TEXT PRIMARY KEY,
    secret     TEXT NOT NULL,    -- sealed
    created_at INTEGER NOT NULL
) STRICT;

-- Tokens that people had made for themselves there (`npm token create`), by their key.
CREATE TABLE legacy_token (
    key       TEXT NOT NULL PRIMARY KEY,
    user      TEXT NOT NULL,            -- user name
    read_only INTEGER NOT NULL,
    cidr      INTEGER NOT NULL          -- it was limited to addresses
) STRICT, WITHOUT ROWID;

-- What became a token here, so that one that was logged out does not come back to life.
CREATE TABLE legacy_used (
    hash    BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32), -- sha256 of the token
    used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
