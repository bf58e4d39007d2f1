-- A package that asks everybody who changes it for a code of their second factor.
CREATE TABLE package_factor (
    package  TEXT PRIMARY KEY REFERENCES package ON DELETE CASCADE,
    machines INTEGER NOT NULL DEFAULT 0 -- tokens that need no code may change it as well
) STRICT, WITHOUT ROWID;
