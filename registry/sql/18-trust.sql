-- Who may issue ID tokens: a name that the rows below say, and the address in the tokens' claim iss.
CREATE TABLE trust_issuer (
    name       TEXT NOT NULL PRIMARY KEY,
    url        TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL     -- user name
) STRICT, WITHOUT ROWID;

-- A CI job that a package trusts to publish it. The package need not be there yet.
CREATE TABLE trust (
    id              TEXT NOT NULL PRIMARY KEY,
    package         TEXT NOT NULL,
    tenant          TEXT,             -- id of whose name it was; NULL: the platform's scope
    issuer          TEXT NOT NULL REFERENCES trust_issuer (name) ON DELETE CASCADE,
    claims          TEXT NOT NULL,    -- JSON object: what the ID token must say; a star is any run
    document        TEXT,             -- JSON object: the claims as npm trust sent them, for its list
    publish         INTEGER NOT NULL, -- else it only stages
    stage           INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    created_by      TEXT NOT NULL,    -- user name
    last_used_at    INTEGER,
    last_refused_at INTEGER,
    last_refused    TEXT              -- why
) STRICT, WITHOUT ROWID;
CREATE INDEX trust_package ON trust (package, issuer);
CREATE INDEX trust_issuer_rows ON trust (issuer);

-- ID tokens that were exchanged: each is good once for a package.
CREATE TABLE trust_used (
    digest     BLOB NOT NULL PRIMARY KEY, -- of issuer, jti (or the whole token) and package
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX trust_used_end ON trust_used (expires_at);
