-- How the last run of each kind ended: what it found or removed.
CREATE TABLE stock_report (
    kind     TEXT NOT NULL PRIMARY KEY, -- 'verify', 'gc', 'retention'
    document TEXT NOT NULL,             -- JSON
    ended_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who needs a blob is asked for each that is there.
CREATE INDEX uplink_document_blob ON uplink_document (sha512);
CREATE INDEX uplink_tarball_blob ON uplink_tarball (sha512);
