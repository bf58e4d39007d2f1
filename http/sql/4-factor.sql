-- The second factor of a user: what their authenticator app counts with.
CREATE TABLE factor (
    user       TEXT PRIMARY KEY REFERENCES user ON DELETE CASCADE,
    secret     TEXT NOT NULL,              -- sealed
    mode       TEXT NOT NULL CHECK (mode IN ('auth-only', 'auth-and-writes')),
    pending    INTEGER NOT NULL DEFAULT 1, -- no code has been shown yet: it is not asked for
    last_step  INTEGER NOT NULL DEFAULT 0, -- of the last code; one of this step or before is refused
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What stands in for a code when the app is gone; a row is removed when it is used.
CREATE TABLE recovery_code (
    user TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
    hash BLOB NOT NULL,                    -- HMAC-SHA256, keyed from the master key
    PRIMARY KEY (user, hash)
) STRICT, WITHOUT ROWID;

-- What a user says of themselves beside name and e-mail.
CREATE TABLE profile (
    user       TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
    field      TEXT NOT NULL,              -- "fullname"
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (user, field)
) STRICT, WITHOUT ROWID;
