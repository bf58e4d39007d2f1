-- Blobs of at most 64 kB (core/small_blob.h). What removed ones took is used again.
CREATE TABLE small_blob (
    id        INTEGER PRIMARY KEY,
    sha512    BLOB NOT NULL UNIQUE CHECK (length(sha512) = 64),
    stored_at INTEGER NOT NULL, -- wall ms
    content   BLOB NOT NULL     -- last: the rest is read without it
) STRICT;
