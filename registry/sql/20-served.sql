-- Public names that were served and of which nothing is kept any more: whoever claims one is told.
CREATE TABLE uplink_served (
    name   TEXT NOT NULL,
    uplink TEXT NOT NULL,
    PRIMARY KEY (name, uplink)
) STRICT, WITHOUT ROWID;
