-- A git repository whose tags (or branch) become versions of packages.
CREATE TABLE source (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,             -- id
    url         TEXT NOT NULL,             -- https address, without credentials
    tags        TEXT NOT NULL,             -- glob of tags that become versions
    token       TEXT,                      -- sealed access token; NULL: public
    secret      TEXT NOT NULL,             -- sealed; signs webhooks
    last_commit TEXT,                      -- of the newest build that ended well
    polled_at   INTEGER NOT NULL DEFAULT 0,
    cause       TEXT,                      -- why the last look at it failed; NULL: it did not
    created_by  TEXT NOT NULL,             -- user name
    created_at  INTEGER NOT NULL,
    UNIQUE (tenant, url)
) STRICT;

-- One run: clone, pack, publish.
CREATE TABLE build (
    id         TEXT PRIMARY KEY,
    source     TEXT NOT NULL REFERENCES source ON DELETE CASCADE,
    ref        TEXT NOT NULL,              -- "v1.2.0"
    commit_id  TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN
                   ('queued', 'fetching', 'packing', 'publishing', 'done', 'failed')),
    package    TEXT,                       -- what came out, once known
    version    TEXT,
    cause      TEXT,                       -- of failed: a sentence
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    UNIQUE (source, ref, commit_id)        -- a redelivered webhook builds nothing twice
) STRICT;
CREATE INDEX build_of_source ON build (source, started_at);
