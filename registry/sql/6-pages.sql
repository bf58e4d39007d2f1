-- What a version holds (files, nodes and their look, plugins, examples, icons): the API's document, read from the tarball
-- when somebody first asks.
CREATE TABLE version_contents (
    version  INTEGER PRIMARY KEY REFERENCES package_version (id) ON DELETE CASCADE,
    document TEXT NOT NULL -- JSON
) STRICT;

-- What the latest version of each package needs. Written anew with the package's summary.
CREATE TABLE package_need (
    package TEXT NOT NULL REFERENCES package (name) ON DELETE CASCADE,
    needs   TEXT NOT NULL, -- the other package's name, which need not be one of ours
    kind    TEXT NOT NULL CHECK (kind IN ('dependencies', 'optionalDependencies', 'peerDependencies')),
    range   TEXT NOT NULL,
    PRIMARY KEY (package, needs, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX package_need_needs ON package_need (needs);
INSERT OR IGNORE INTO package_need (package, needs, kind, range)
    SELECT p.name, d.key, k.value, d.value
    FROM package AS p JOIN package_version AS v ON v.package = p.name AND v.version = p.latest,
        json_each('["dependencies","optionalDependencies","peerDependencies"]') AS k,
        json_each(v.abbreviated, '$.' || k.value) AS d
    WHERE d.type = 'text';

-- How often a tarball was asked for, by day. Counted in memory, written once a minute, kept for 400 days.
CREATE TABLE package_download (
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    day     INTEGER NOT NULL, -- days since 1970, UTC
    count   INTEGER NOT NULL,
    PRIMARY KEY (package, day, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX package_download_day ON package_download (day);
