-- What the latest version of each package needs, one row a package: a publish writes one page for it, not one for
-- each name, and who asks who needs a name reads the whole table.
DROP TABLE package_need;
CREATE TABLE package_need (
    package TEXT NOT NULL PRIMARY KEY REFERENCES package (name) ON DELETE CASCADE,
    needs   TEXT NOT NULL -- JSON, as SQLite writes it: [["dependencies", name, range], ...]
) STRICT;
INSERT INTO package_need (package, needs)
    SELECT p.name, (SELECT json_group_array(json_array(k.value, d.key, d.value))
                    FROM json_each('["dependencies","optionalDependencies","peerDependencies"]') AS k,
                        json_each(v.abbreviated, '$.' || k.value) AS d
                    WHERE d.type = 'text')
    FROM package AS p JOIN package_version AS v ON v.package = p.name AND v.version = p.latest;
