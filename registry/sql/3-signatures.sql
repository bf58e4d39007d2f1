-- Keys that sign versions at publish (ECDSA P-256). The newest signs; the others stay, so that what
-- they signed is verified.
CREATE TABLE registry_key (
    id         TEXT NOT NULL PRIMARY KEY, -- 'SHA256:…' of the public key, as npm's key ids
    public_key BLOB NOT NULL,             -- SubjectPublicKeyInfo
    secret     TEXT NOT NULL,             -- sealed PKCS#8
    created_at INTEGER NOT NULL,
    expires_at INTEGER                    -- when another took its place; NULL: it signs
) STRICT;
CREATE UNIQUE INDEX registry_key_signing ON registry_key (expires_at IS NULL) WHERE expires_at IS NULL;

-- Keys of uplinks, which sign public versions: the last answer that was one.
CREATE TABLE uplink_keys (
    url        TEXT NOT NULL PRIMARY KEY, -- of the uplink
    keys       TEXT NOT NULL,             -- [{"keyid",…}], checked
    fetched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The key whose signature stands in dist; NULL: not signed yet.
ALTER TABLE package_version ADD COLUMN key TEXT REFERENCES registry_key (id);
CREATE INDEX package_version_unsigned ON package_version (id) WHERE key IS NULL;
