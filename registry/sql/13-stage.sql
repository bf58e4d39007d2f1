-- A version that waits for a person to approve it; visible to nobody else meanwhile.
CREATE TABLE stage (
    id         TEXT PRIMARY KEY, -- a UUID
    package    TEXT NOT NULL,    -- its name; it need not be there yet
    tenant     TEXT,             -- id; NULL: the platform's scope
    version    TEXT NOT NULL,
    tag        TEXT,             -- the first that it will be given
    sha512     BLOB NOT NULL,    -- of the tarball, a blob
    shasum     TEXT NOT NULL,    -- sha1 as hex
    bytes      INTEGER NOT NULL,
    head       TEXT NOT NULL,    -- the document as it came, but for the tarball's base64
    tail       TEXT NOT NULL,
    actor      TEXT NOT NULL,    -- who staged it, for people
    actor_type TEXT NOT NULL,
    user       TEXT,             -- id of the actor; NULL: no person
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX stage_package ON stage (package);
CREATE INDEX stage_tenant ON stage (tenant);
CREATE INDEX stage_expires ON stage (expires_at);
CREATE INDEX stage_sha512 ON stage (sha512);
