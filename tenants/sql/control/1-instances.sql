-- What instances run on. The files live below the stacks folder, read-only and shared.
CREATE TABLE stack (
    name       TEXT PRIMARY KEY,             -- "node-red@5": the folder's name
    node_red   TEXT NOT NULL DEFAULT '',     -- exact versions, once known
    node       TEXT NOT NULL DEFAULT '',
    state      TEXT NOT NULL CHECK (state IN ('installing', 'ready', 'failed')),
    cause      TEXT,                         -- of failed: a sentence
    created_at INTEGER NOT NULL
) STRICT;

-- One Node-RED of a tenant. The row is the truth about what should run; the keeper makes the world match.
CREATE TABLE instance (
    id                TEXT PRIMARY KEY,
    slug              TEXT NOT NULL UNIQUE,  -- its host name's first label, unique on the platform
    tenant            TEXT NOT NULL,         -- id of the tenant (accounts)
    name              TEXT NOT NULL,         -- for people
    stack             TEXT NOT NULL,         -- name of a stack
    driver            TEXT NOT NULL DEFAULT 'process',
    desired           TEXT NOT NULL CHECK (desired IN ('running', 'stopped', 'removed')),
    state             TEXT NOT NULL CHECK (state IN
                          ('stopped', 'starting', 'running', 'stopping', 'asleep', 'failed')),
    since             INTEGER NOT NULL,      -- of the state
    cause             TEXT,                  -- of failed: what happened and what to do
    generation        INTEGER NOT NULL DEFAULT 0, -- rises with each start
    restarts          INTEGER NOT NULL DEFAULT 0, -- not asked for, since the last one asked for
    memory_bytes      INTEGER NOT NULL,
    cpu_percent       INTEGER NOT NULL,
    pids              INTEGER NOT NULL,
    credential_secret TEXT NOT NULL,         -- sealed: encrypts the credentials of its flows
    settings          TEXT NOT NULL DEFAULT '{}',
    node_red          TEXT NOT NULL DEFAULT '', -- as its launcher last said
    node              TEXT NOT NULL DEFAULT '',
    created_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX instance_of_tenant ON instance (tenant, slug);
