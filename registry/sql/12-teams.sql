-- A group of a tenant's members, as npm's teams of an organisation. Who leaves the tenant leaves its teams in the
-- same commit, and a tenant takes its teams with it; hence the references to tables of accounts, which no other
-- area's file makes.
CREATE TABLE team (
    tenant      TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE team_member (
    tenant TEXT NOT NULL,
    team   TEXT NOT NULL,
    user   TEXT NOT NULL, -- id
    since  INTEGER NOT NULL,
    PRIMARY KEY (tenant, team, user),
    FOREIGN KEY (tenant, team) REFERENCES team (tenant, name) ON DELETE CASCADE,
    FOREIGN KEY (tenant, user) REFERENCES member (tenant, user) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX team_member_user ON team_member (tenant, user);

-- What a team may do with a package of its tenant. From the first such row on, only the package's owners, the
-- teams with read-write and the tenant's owners change the package.
CREATE TABLE team_package (
    tenant     TEXT NOT NULL,
    team       TEXT NOT NULL,
    package    TEXT NOT NULL REFERENCES package (name) ON DELETE CASCADE,
    permission TEXT NOT NULL CHECK (permission IN ('read-only', 'read-write')),
    PRIMARY KEY (package, team),
    FOREIGN KEY (tenant, team) REFERENCES team (tenant, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX team_package_team ON team_package (tenant, team);

-- Packages that somebody marked as favourites, public ones too.
CREATE TABLE star (
    user       TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    package    TEXT NOT NULL, -- name
    starred_at INTEGER NOT NULL,
    PRIMARY KEY (user, package)
) STRICT, WITHOUT ROWID;
CREATE INDEX star_package ON star (package);
