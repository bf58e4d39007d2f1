/* Connections, readers, the whole file. Statements are in db_query.c, the writer's turn and commits
 * in groups in db_turn.c, migrations in db_migrate.c. */
#include "core/db.h"

#include "core/clock.h"
#include "core/db_part.h"
#include "core/err.h"
#include "core/log.h"
#include "core/pool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 30000
#define QUIET_MS 2000
#define BUSY_MS 5000
#define PAGE_BYTES 4096
#define PAGES_MOST 4294967294 /* SQLite's own ceiling */

int db_exec(struct db_conn *conn, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(conn->sqlite, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_fail(conn, rc, err);
}

static int on_wal(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
    struct db *db = arg;

    if (pages < db->wal_pages) /* the file was begun anew */
        db->checkpoint_at = CHECKPOINT_PAGES;
    db->wal_pages = pages;
    return SQLITE_OK;
}

static int conn_open(struct db_conn *conn, struct db *db, const struct db_config *config,
                     bool writer, struct err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;

    conn->db = db;
    int rc = sqlite3_open_v2(db->path, &conn->sqlite, flags, config->vfs);
    if (rc != SQLITE_OK)
        return db_fail(conn, rc, err);
    sqlite3_busy_timeout(conn->sqlite, BUSY_MS);
    /* else a statement whose parameter meets a partial index is prepared anew with each value */
    sqlite3_db_config(conn->sqlite, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    if (db_exec(conn,
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                "PRAGMA trusted_schema=OFF; PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY;",
                err) != 0)
        return -1;
    if (writer)
        sqlite3_wal_hook(conn->sqlite, on_wal, db);
    return 0;
}

void db_checkpoint(struct db *db, int mode)
{
    int pages = -1, copied = -1;
    struct err err;

    sqlite3_busy_timeout(db->writer.sqlite, 0);
    int rc = sqlite3_wal_checkpoint_v2(db->writer.sqlite, NULL, mode, &pages, &copied);
    sqlite3_busy_timeout(db->writer.sqlite, BUSY_MS);
    /* While a reader holds the file back it only grows: once more after as much again. */
    if (pages >= 0) {
        db->wal_pages = pages;
        db->checkpoint_at = pages + CHECKPOINT_PAGES;
    }
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
        return;
    db_fail(&db->writer, rc, &err);
    log_error("db", "a checkpoint failed", "path=%s error=\"%s\"", db->path, err.text);
}

void db_conn_close(struct db_conn *conn)
{
    for (int i = 0; i < DB_BUCKETS; i++) {
        while (conn->cache[i] != NULL) {
            struct statement *s = conn->cache[i];
            conn->cache[i] = s->next;
            sqlite3_finalize(s->stmt);
            free(s);
        }
    }
    sqlite3_close(conn->sqlite);
    conn->sqlite = NULL;
}

static int open_readers(struct db *db, const struct db_config *config, struct err *err)
{
    db->readers = xcalloc(config->readers > 0 ? config->readers : 1, sizeof(*db->readers));
    for (unsigned i = 0; i < (config->readers > 0 ? config->readers : 1); i++) {
        struct db_conn *conn = &db->readers[i];
        db->n_readers++;
        if (conn_open(conn, db, config, false, err) != 0 ||
            /* kB; the system keeps the file's pages for all of them anyway */
            db_exec(conn, "PRAGMA query_only=ON; PRAGMA cache_size=-256", err) != 0)
            return -1;
        conn->next_free = db->free_readers;
        db->free_readers = conn;
    }
    return 0;
}

/* The folder may be reached by links, the file itself may not be one. */
static char *resolve(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    auto_free char *folder = slash == NULL   ? xstrdup(".")
                             : slash == path ? xstrdup("/")
                                             : xstrndup(path, (size_t)(slash - path));
    auto_free char *real = realpath(folder, NULL);

    if (real == NULL) {
        err_errno(err, "%s cannot be opened", path);
        return NULL;
    }
    return xprintf("%s/%s", strcmp(real, "/") == 0 ? "" : real, slash == NULL ? path : slash + 1);
}

struct db *db_open(const struct db_config *config, struct err *err)
{
    char *path = resolve(config->path, err);

    if (path == NULL)
        return NULL;
    struct db *db = xcalloc(1, sizeof(*db));
    db->path = path;
    db->last = &db->first;
    db->checkpoint_at = CHECKPOINT_PAGES;
    db->wait_ms = config->wait_ms > 0 ? config->wait_ms : WAIT_MS;
    pthread_mutex_init(&db->lock, NULL);
    db_cond_init(&db->reader_free);
    if (conn_open(&db->writer, db, config, true, err) != 0 ||
        db_migrate(db, config->schemas, err) != 0 || open_readers(db, config, err) != 0 ||
        (config->max_bytes > 0 && db_limit(db, config->max_bytes, err) != 0)) {
        db_close(db);
        return NULL;
    }
    return db;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (unsigned i = 0; i < db->n_readers; i++)
        db_conn_close(&db->readers[i]);
    if (db->writer.sqlite != NULL)
        db_checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE);
    db_conn_close(&db->writer);
    free(db->readers);
    pthread_mutex_destroy(&db->lock);
    pthread_cond_destroy(&db->reader_free);
    free(db->path);
    free(db);
}

/* Waiting. */

void db_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

struct timespec db_deadline(const struct db *db)
{
    int64_t at = clock_mono_ms() + db->wait_ms;

    return (struct timespec){.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000};
}

/* Reading. */

static const char begin_sql[] = "BEGIN", end_sql[] = "COMMIT";

struct db_read db_read(struct db *db, struct err *err)
{
    struct timespec until = db_deadline(db);
    struct db_read r = {db, NULL};
    int rc = 0;

    pthread_mutex_lock(&db->lock);
    while (db->free_readers == NULL && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&db->reader_free, &db->lock, &until);
    r.conn = db->free_readers;
    if (r.conn != NULL)
        db->free_readers = r.conn->next_free;
    pthread_mutex_unlock(&db->lock);
    if (r.conn == NULL)
        err_set(err, ERR_UNAVAILABLE, "database_busy",
                "Too many requests read the database; try again.");
    else if (db_do(r.conn, err, begin_sql, "") < 0)
        db_read_end(&r);
    return r;
}

void db_read_end(struct db_read *r)
{
    if (r->conn == NULL)
        return;
    if (sqlite3_get_autocommit(r->conn->sqlite) == 0)
        (void)db_do(r->conn, NULL, end_sql, "");
    pthread_mutex_lock(&r->db->lock);
    r->conn->next_free = r->db->free_readers;
    r->db->free_readers = r->conn;
    pthread_cond_signal(&r->db->reader_free);
    pthread_mutex_unlock(&r->db->lock);
    r->conn = NULL;
}

/* The whole file. */

int db_copy(struct db_conn *conn, const char *path, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(conn->sqlite, "VACUUM INTO ?", -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    int result = rc == SQLITE_DONE ? 0 : db_fail(conn, rc, err);
    sqlite3_finalize(stmt);
    return result;
}

int db_export(struct db *db, const char *path, struct err *err)
{
    auto_read struct db_read r = db_read(db, err);

    if (r.conn == NULL)
        return -1;
    /* VACUUM cannot run inside a transaction, and nothing was read in this one; to a reader that
     * may only query, the copy would count as a change. */
    if (db_exec(r.conn, "COMMIT; PRAGMA query_only=OFF", err) != 0)
        return -1;
    int rc = db_copy(r.conn, path, err);
    (void)sqlite3_exec(r.conn->sqlite, "PRAGMA query_only=ON", NULL, NULL, NULL);
    return rc;
}

void db_quiet(struct db *db)
{
    pthread_mutex_lock(&db->lock);
    bool quiet =
        !db->writer_taken && db->wal_pages > 0 && clock_mono_ms() - db->last_write_ms > QUIET_MS;
    if (quiet)
        db->writer_taken = true;
    pthread_mutex_unlock(&db->lock);
    if (!quiet)
        return;
    db_checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE);
    db_turn_end(db);
}

int db_limit(struct db *db, int64_t max_bytes, struct err *err)
{
    int64_t pages = max_bytes <= 0           ? PAGES_MOST
                    : max_bytes < PAGE_BYTES ? 1
                                             : max_bytes / PAGE_BYTES;
    char sql[64];

    if (db_turn_take(db, err) != 0)
        return -1;
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%lld", (long long)pages);
    int rc = db_exec(&db->writer, sql, err);
    if (rc == 0)
        atomic_store(&db->limited, max_bytes > 0);
    db_turn_end(db);
    return rc;
}
