-- What is not offered: one document of rules for the platform ('') and one for each tenant that has some.
CREATE TABLE policy (
    tenant     TEXT NOT NULL PRIMARY KEY, -- id; '': the platform
    rules      TEXT NOT NULL,             -- JSON (policy/rules.h)
    updated_at INTEGER NOT NULL,
    updated_by TEXT NOT NULL              -- user name
) STRICT, WITHOUT ROWID;

-- What was refused lately, and to whom.
CREATE TABLE policy_refusal (
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    who     TEXT NOT NULL,    -- user name, or the id of an instance; '' is nobody
    tenant  TEXT NOT NULL,    -- id of the instance's tenant or of the package's; '': neither
    action  TEXT NOT NULL,    -- 'install', 'publish'
    reason  TEXT NOT NULL,
    times   INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (package, version, who, action)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_refusal_last ON policy_refusal (last_at);
