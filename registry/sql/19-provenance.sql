-- What a version was built from, as its publisher attests it (Sigstore bundles, which are blobs).
CREATE TABLE package_attestation (
    package        TEXT NOT NULL,
    version        TEXT NOT NULL,
    predicate_type TEXT NOT NULL, -- 'https://slsa.dev/provenance/v1'
    media_type     TEXT NOT NULL, -- of the bundle
    sha512         BLOB NOT NULL CHECK (length(sha512) = 64), -- the blob
    bytes          INTEGER NOT NULL,
    PRIMARY KEY (package, version, predicate_type),
    FOREIGN KEY (package, version) REFERENCES package_version (package, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX package_attestation_blob ON package_attestation (sha512);

-- Shown in dist; NULL: it has none.
ALTER TABLE package_version ADD COLUMN provenance TEXT; -- predicate type
