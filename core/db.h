/*
 * SQLite files: one writer connection and a few readers each, durable commits in groups.
 *
 * db_begin takes the writer and opens a savepoint; db_commit releases it. If others wait for the
 * writer, the open transaction is handed over instead of committed; the last one, or the 64th,
 * commits and wakes all of the group. db_commit returns once the group is on disk. Whoever held the
 * writer, also to refuse, learns the outcome only after that commit, since a refusal may rest on
 * what an earlier member wrote. If COMMIT fails, all fail, with SQLite's reason, and so they do
 * when one member's failure rolls back the whole: all are told of a full disk, but that a value or
 * the file became too large only who caused it, the others ERR_UNAVAILABLE "write_failed".
 * A failed fsync ends the process.
 *
 * Opened with WAL, synchronous=FULL, foreign keys on, trusted_schema off, wal_autocheckpoint=0:
 * only the writer connection checkpoints, holding the writer, past 4 MB (of new pages, while
 * readers hold it back) or when the file goes quiet (db_quiet), since SQLite 3.40 can corrupt a WAL
 * when one connection checkpoints while another commits.
 *
 * Blocking: for workers, the keeper's database lane and start-up only, never on a loop.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct db;      /* one file */
struct db_conn; /* one connection, in use by one thread */
struct embedded;
struct err;
struct json_writer;
struct pool;

/* An area's migrations: embedded .sql files named "N-words.sql" (each N once, from 1; others are
 * refused: "bad_migration"), applied in order of N, forward only, all of one open in one
 * transaction, recorded in migration(area, number, applied_at). Foreign keys rest meanwhile and are
 * checked before the commit, so that a table can be made anew. Before a file that has data is
 * migrated, a backup "PATH.before-VERSION" is made. A file with a higher number or an area that is
 * not here is a newer program's: ERR_CONFLICT "newer_data". */
struct db_schema {
    const char *area;
    const struct embedded *files;
};

struct db_config {
    const char *path;                /* its folder may be reached by links */
    const struct db_schema *schemas; /* ended by a NULL area */
    unsigned readers;                /* connections */
    int64_t max_bytes; /* max_page_count; 0: no ceiling. Past it: ERR_TOO_LARGE "quota" */
    const char *vfs;   /* SQLite VFS by name; NULL: the system's (tests record writes) */
    int64_t wait_ms;   /* for the writer or a reader; 0: 30 s */
};

struct db *db_open(const struct db_config *config, struct err *err);
void db_close(struct db *db); /* checkpoints; nobody may be using it */

/* Reading: borrows a reader in a read transaction (one consistent view); if all are out, waits for
 * one, ERR_UNAVAILABLE after wait_ms. */
struct db_read {
    struct db *db;
    struct db_conn *conn; /* NULL: failed, err says why */
};
struct db_read db_read(struct db *db, struct err *err);
void db_read_end(struct db_read *r); /* idempotent */
#define auto_read __attribute__((cleanup(db_read_end)))

/* Writing. */
struct db_tx {
    struct db *db;
    struct db_conn *conn;
    bool open;
};
/* Waits for the writer; ERR_UNAVAILABLE after wait_ms. */
int db_begin(struct db_tx *tx, struct db *db, struct err *err);
/* On disk when it returns 0. Ends the transaction either way. */
int db_commit(struct db_tx *tx, struct err *err);
/* Rolls back to the savepoint and waits for the group; no effect after db_commit. */
void db_tx_end(struct db_tx *tx);
#define auto_tx __attribute__((cleanup(db_tx_end)))

/* Statements. `sql` is static text: the prepared statement is cached per connection by its address.
 * Letters: s struct text (absent is NULL), z const char * (NULL is NULL), i int64_t, b struct text
 * as blob, n (no argument) NULL. Results: s and b are struct text * in pool, i int64_t *. */
/* Changes rows; returns how many or -1. Constraint violations are ERR_CONFLICT "exists". */
int db_do(struct db_conn *conn, struct err *err, const char *sql, const char *letters, ...);
/* First row or ERR_NOT_FOUND "not_found". Arguments: inputs by `in`, then outputs by `out`. */
int db_get(struct db_conn *conn, struct pool *pool, struct err *err, const char *sql,
           const char *in, const char *out, ...);
/* Many rows:
 *   auto_rows struct db_rows q = {0};
 *   if (db_each(&q, conn, err, sql, "s", name) != 0) return -1;
 *   while (db_next(&q, pool, "is", &id, &text)) …
 *   if (q.failed) … (err was filled by db_next) */
struct db_rows {
    bool failed;
    /* below: not written by callers */
    void *statement;
    struct db_conn *conn;
    struct err *err;
};
int db_each (struct db_rows *q, struct db_conn * conn, struct err * err, const char *sql,
             const char *in, ...);
bool db_next(struct db_rows *q, struct pool *pool, const char *out, ...);
void db_rows_end(struct db_rows *q);
#define auto_rows __attribute__((cleanup(db_rows_end)))
/* Rows as a JSON array of objects: column aliases are the keys; an alias ending in "!" is JSON text
 * written verbatim, in "?" a boolean, in "@" a time in ms written as ISO text (0 or NULL: null). */
int db_json(struct json_writer *w, struct db_conn *conn, struct err *err, const char *sql,
            const char *in, ...);
int64_t db_last_id(struct db_conn *conn);

/* A copy of the live file at path (VACUUM INTO). */
int db_export(struct db *db, const char *path, struct err *err);
/* Checkpoints if the file has been quiet; called from a timer on a worker. */
void db_quiet(struct db *db);
/* Sets the size ceiling of an open file; 0 takes it away. Waits for the writer. A file that is
 * larger keeps its size and cannot grow. */
int db_limit(struct db *db, int64_t max_bytes, struct err *err);
