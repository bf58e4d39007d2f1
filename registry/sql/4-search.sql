-- What a search reads of a package: written with the summary, in the same transaction (search/index.h).
-- Packages that have no row here yet get theirs when the server starts.
CREATE TABLE package_search (
    id          INTEGER PRIMARY KEY,     -- row of package_text
    package     TEXT NOT NULL UNIQUE REFERENCES package (name) ON DELETE CASCADE,
    tenant      TEXT,                    -- as in package
    modified_at INTEGER NOT NULL,        -- likewise
    deprecated  INTEGER NOT NULL,        -- likewise
    scope       TEXT,                    -- without '@'; NULL: none
    base        TEXT NOT NULL,           -- the name without its scope, lower case
    publisher   TEXT NOT NULL,           -- user name
    author      TEXT NOT NULL,           -- name and address of the manifest's author, lower case
    unstable    INTEGER NOT NULL,        -- latest is below 1.0.0 or a prerelease
    insecure    INTEGER NOT NULL DEFAULT 0, -- something is known against latest
    quality     INTEGER NOT NULL,        -- per mille
    popularity  INTEGER NOT NULL DEFAULT 0, -- per mille
    digest      BLOB NOT NULL            -- of the words: the text is written anew only when they change
) STRICT;
CREATE INDEX package_search_tenant ON package_search (tenant);

-- Written by hand, since SQLite lets no trigger near it. words holds what the tokenizer cannot see: parts of names inCamelCase, and names without their dashes.
CREATE VIRTUAL TABLE package_text USING fts5 (name, words, keywords, types, description, readme,
    tokenize = "unicode61 remove_diacritics 2", prefix = '2 3');
