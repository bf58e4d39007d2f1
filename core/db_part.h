/* What the database's files share. Inside core/ only. */
#pragma once

#include "core/db.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <time.h>

/* A prepared statement, cached by the address of its text. */
struct statement {
    const char *sql;
    sqlite3_stmt *stmt;
    bool busy;      /* being stepped: a nested use of the same text gets one of its own */
    bool temporary; /* such a one: finalized at its end */
    struct statement *next;
};

#define DB_BUCKETS 128
#define CHECKPOINT_PAGES 1024 /* of 4 KiB: 4 MB */

struct db_conn {
    sqlite3 *sqlite;
    struct db *db;
    struct db_conn *next_free;
    struct statement *cache[DB_BUCKETS];
};

/* One SQLite transaction that several db_tx share. */
struct db_group {
    unsigned members, refs;
    unsigned loser; /* whose failure it was, counted as members */
    bool committing, done, failed;
    struct err *err; /* why it failed: the first failure that took the transaction along */
    pthread_cond_t ended;
};

struct db_waiter {
    pthread_cond_t turn;
    bool granted;
    struct db_waiter *next;
};

struct db {
    char *path;
    int64_t wait_ms;
    atomic_bool limited; /* has a ceiling of its own */
    pthread_mutex_t lock;
    /* the writer */
    struct db_conn writer;
    bool writer_taken;
    struct db_waiter *first, **last;
    struct db_group *group; /* of the open transaction */
    int64_t wal_pages, checkpoint_at, last_write_ms;
    /* the readers */
    struct db_conn *readers, *free_readers;
    unsigned n_readers;
    pthread_cond_t reader_free;
};

/* An SQLite failure as a sentence; ends the process when a sync failed. On the writer, a failure
 * that took the whole transaction along becomes the group's. */
int db_fail(struct db_conn *conn, int rc, struct err *err);
int db_exec(struct db_conn *conn, const char *sql, struct err *err);
void db_conn_close(struct db_conn *conn);
int db_migrate(struct db *db, const struct db_schema *schemas, struct err *err);
/* VACUUM INTO path; no transaction may be open. */
int db_copy(struct db_conn *conn, const char *path, struct err *err);

/* Waits for the writer's turn, 0 once it is ours. Who has it may use db->writer. */
int db_turn_take(struct db *db, struct err *err);
/* Hands the turn and an open transaction over to who waits longest; if nobody may have the
 * transaction, commits it first. */
void db_turn_end(struct db *db);
/* The transaction open on this connection is gone; err says why. The turn is ours. */
bool db_lost(struct db_conn *conn, struct err *err);
/* The turn is ours. Readers in the way only put it off; a failed sync ends the process. */
void db_checkpoint(struct db *db, int mode);
/* A condition that is waited for by the monotonic clock until db_deadline. */
void db_cond_init(pthread_cond_t *cond);
struct timespec db_deadline(const struct db *db);
