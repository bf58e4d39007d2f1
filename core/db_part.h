/* What the database's files share. Inside core/ only. */
#pragma once

#include "core/db.h"

#include <pthread.h>
#include <sqlite3.h>

/* A prepared statement, cached by the address of its text. */
struct statement {
    const char *sql;
    sqlite3_stmt *stmt;
    bool busy;      /* being stepped: a nested use of the same text gets one of its own */
    bool temporary; /* such a one: finalized at its end */
    struct statement *next;
};

#define DB_BUCKETS 128

struct db_conn {
    sqlite3 *sqlite;
    struct db *db;
    struct db_conn *next_free;
    struct statement *cache[DB_BUCKETS];
};

/* One SQLite transaction that several db_tx share. */
struct db_group {
    unsigned members, refs;
    bool done, failed;
    struct err *err;
    pthread_cond_t ended;
};

struct db_waiter {
    pthread_cond_t turn;
    bool granted;
    struct db_waiter *next;
};

struct db {
    char *path;
    bool limited; /* has a ceiling of its own */
    pthread_mutex_t lock;
    /* the writer */
    struct db_conn writer;
    bool writer_taken;
    struct db_waiter *first, **last;
    struct db_group *group; /* of the open transaction */
    int64_t wal_pages, last_write_ms;
    /* the readers */
    struct db_conn *readers, *free_readers;
    unsigned n_readers;
    pthread_cond_t reader_free;
};

/* An SQLite failure as a sentence; ends the process when a sync failed. */
int db_fail(struct db_conn *conn, int rc, struct err *err);
int db_exec(struct db_conn *conn, const char *sql, struct err *err);
void db_conn_close(struct db_conn *conn);
int db_migrate(struct db *db, const struct db_schema *schemas, struct err *err);
