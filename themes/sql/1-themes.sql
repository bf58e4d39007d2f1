-- The theme of the platform (tenant '') and of each tenant that has one: the checked theme.json.
CREATE TABLE theme (
    tenant     TEXT PRIMARY KEY,   -- id of the tenant; '' is the platform
    version    TEXT NOT NULL,      -- changes with every change: part of ETags and addresses
    document   TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- The files of a theme's bundle: images, fonts, one style sheet. The bytes are blobs.
CREATE TABLE theme_file (
    tenant TEXT NOT NULL REFERENCES theme ON DELETE CASCADE,
    name   TEXT NOT NULL,          -- "logo.svg": a plain file name
    type   TEXT NOT NULL,          -- media type, by the file's ending and first bytes
    bytes  INTEGER NOT NULL,
    sha512 TEXT NOT NULL,          -- hex: names the blob
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
