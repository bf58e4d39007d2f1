/* Connections, the writer's turn, commits in groups. Statements are in db_query.c, migrations in
 * db_migrate.c. */
#include "core/db.h"

#include "core/clock.h"
#include "core/db_part.h"
#include "core/err.h"
#include "core/log.h"
#include "core/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WRITER_WAIT_S 30
#define GROUP_MOST 64
#define CHECKPOINT_PAGES 1024 /* of 4 KiB: 4 MB */
#define QUIET_MS 2000

int db_exec(struct db_conn *conn, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(conn->sqlite, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_fail(conn, rc, err);
}

static int on_wal(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
    ((struct db *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

static int conn_open(struct db_conn *conn, struct db *db, const struct db_config *config,
                     bool writer, struct err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;

    conn->db = db;
    int rc = sqlite3_open_v2(config->path, &conn->sqlite, flags, NULL);
    if (rc != SQLITE_OK)
        return db_fail(conn, rc, err);
    sqlite3_busy_timeout(conn->sqlite, 5000);
    if (db_exec(conn,
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                "PRAGMA trusted_schema=OFF; PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY;",
                err) != 0)
        return -1;
    if (writer)
        sqlite3_wal_hook(conn->sqlite, on_wal, db);
    return 0;
}

/* The writer's turn is ours. Readers in the way only put it off; a failed sync ends the process
 * (db_fail). */
static void checkpoint(struct db *db, int mode)
{
    struct err err;

    sqlite3_busy_timeout(db->writer.sqlite, 0);
    int rc = sqlite3_wal_checkpoint_v2(db->writer.sqlite, NULL, mode, NULL, NULL);
    sqlite3_busy_timeout(db->writer.sqlite, 5000);
    db->wal_pages = 0;
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
            db_exec(conn, "PRAGMA query_only=ON", err) != 0)
            return -1;
        conn->next_free = db->free_readers;
        db->free_readers = conn;
    }
    return 0;
}

struct db *db_open(const struct db_config *config, struct err *err)
{
    struct db *db = xcalloc(1, sizeof(*db));

    db->path = xstrdup(config->path);
    db->last = &db->first;
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->reader_free, NULL);
    if (conn_open(&db->writer, db, config, true, err) != 0 ||
        db_migrate(db, config->schemas, err) != 0 || open_readers(db, config, err) != 0) {
        db_close(db);
        return NULL;
    }
    if (config->max_bytes > 0)
        db_limit(db, config->max_bytes);
    return db;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (unsigned i = 0; i < db->n_readers; i++)
        db_conn_close(&db->readers[i]);
    if (db->writer.sqlite != NULL)
        checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE);
    db_conn_close(&db->writer);
    free(db->readers);
    pthread_mutex_destroy(&db->lock);
    pthread_cond_destroy(&db->reader_free);
    free(db->path);
    free(db);
}

/* Reading. */

struct db_read db_read(struct db *db, struct err *err)
{
    struct db_read r = {db, NULL};

    pthread_mutex_lock(&db->lock);
    while (db->free_readers == NULL)
        pthread_cond_wait(&db->reader_free, &db->lock);
    r.conn = db->free_readers;
    db->free_readers = r.conn->next_free;
    pthread_mutex_unlock(&db->lock);
    if (db_exec(r.conn, "BEGIN", err) != 0) {
        db_read_end(&r);
        r.conn = NULL;
    }
    return r;
}

void db_read_end(struct db_read *r)
{
    if (r->conn == NULL)
        return;
    if (sqlite3_get_autocommit(r->conn->sqlite) == 0)
        (void)sqlite3_exec(r->conn->sqlite, "COMMIT", NULL, NULL, NULL);
    pthread_mutex_lock(&r->db->lock);
    r->conn->next_free = r->db->free_readers;
    r->db->free_readers = r->conn;
    pthread_cond_signal(&r->db->reader_free);
    pthread_mutex_unlock(&r->db->lock);
    r->conn = NULL;
}

/* The writer's turn. */

/* Lock held. Waits for the turn; false after the deadline. */
static bool take_turn(struct db *db)
{
    struct db_waiter me = {.granted = false};
    struct timespec until;
    int rc = 0;

    if (!db->writer_taken) {
        db->writer_taken = true;
        return true;
    }
    pthread_cond_init(&me.turn, NULL);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WRITER_WAIT_S;
    *db->last = &me;
    db->last = &me.next;
    while (!me.granted && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&me.turn, &db->lock, &until);
    if (!me.granted) {
        struct db_waiter **p = &db->first;
        while (*p != &me)
            p = &(*p)->next;
        *p = me.next;
        if (db->last == &me.next)
            db->last = p;
    }
    pthread_cond_destroy(&me.turn);
    return me.granted;
}

/* Lock held. Gives the turn to who waits longest, or to nobody. */
static void pass_turn(struct db *db)
{
    struct db_waiter *next = db->first;

    if (next == NULL) {
        db->writer_taken = false;
        return;
    }
    db->first = next->next;
    if (db->first == NULL)
        db->last = &db->first;
    next->granted = true;
    pthread_cond_signal(&next->turn);
}

static struct db_group *group_new(void)
{
    struct db_group *g = xcalloc(1, sizeof(*g));

    g->err = xcalloc(1, sizeof(*g->err));
    pthread_cond_init(&g->ended, NULL);
    return g;
}

/* Lock held. */
static void group_drop(struct db_group *g)
{
    if (--g->refs > 0)
        return;
    pthread_cond_destroy(&g->ended);
    free(g->err);
    free(g);
}

static void give_up_turn(struct db *db)
{
    pthread_mutex_lock(&db->lock);
    pass_turn(db);
    pthread_mutex_unlock(&db->lock);
}

int db_begin(struct db_tx *tx, struct db *db, struct err *err)
{
    pthread_mutex_lock(&db->lock);
    bool turn = take_turn(db);
    pthread_mutex_unlock(&db->lock);
    if (!turn)
        return err_set(err, ERR_UNAVAILABLE, "database_busy",
                       "Too many changes wait for the disk; try again.");
    if (db->group == NULL) {
        if (db_exec(&db->writer, "BEGIN IMMEDIATE", err) != 0) {
            give_up_turn(db);
            return -1;
        }
        db->group = group_new();
        db->group->refs = 1; /* the open transaction's own */
    }
    if (db_exec(&db->writer, "SAVEPOINT tx", err) != 0) {
        *tx = (struct db_tx){db, &db->writer, true};
        db_tx_end(tx);
        return -1;
    }
    *tx = (struct db_tx){db, &db->writer, true};
    return 0;
}

/* The last of the group, or the 64th: COMMIT, then everybody learns how it went. The turn is ours.
 */
static void commit_group(struct db *db, struct db_group *g)
{
    struct err err = {0};
    bool lost = g->failed || sqlite3_get_autocommit(db->writer.sqlite) != 0;
    bool failed = lost;

    if (lost)
        err_set(&err, ERR_UNAVAILABLE, "write_failed",
                "The change could not be written and nothing of it was kept; try again.");
    else
        failed = db_exec(&db->writer, "COMMIT", &err) != 0;
    if (failed && sqlite3_get_autocommit(db->writer.sqlite) == 0)
        (void)sqlite3_exec(db->writer.sqlite, "ROLLBACK", NULL, NULL, NULL);
    db->group = NULL;
    db->last_write_ms = clock_mono_ms();
    if (db->wal_pages > CHECKPOINT_PAGES) {
        checkpoint(db, SQLITE_CHECKPOINT_PASSIVE);
    }
    pthread_mutex_lock(&db->lock);
    g->done = true;
    g->failed = failed;
    *g->err = err;
    pthread_cond_broadcast(&g->ended);
    pass_turn(db);
    group_drop(g);
    pthread_mutex_unlock(&db->lock);
}

/* Ends this member's part and waits for the group's outcome. */
static int leave(struct db_tx *tx, struct err *err)
{
    struct db *db = tx->db;
    struct db_group *g = db->group;
    bool hand_over;

    tx->open = false;
    pthread_mutex_lock(&db->lock);
    g->refs++;
    g->members++;
    /* A lost transaction ends here: the next member must not commit on its ruins. */
    hand_over = !g->failed && g->members < GROUP_MOST && db->first != NULL;
    if (hand_over)
        pass_turn(db);
    pthread_mutex_unlock(&db->lock);
    if (!hand_over)
        commit_group(db, g);
    pthread_mutex_lock(&db->lock);
    while (!g->done)
        pthread_cond_wait(&g->ended, &db->lock);
    bool failed = g->failed;
    if (failed && err != NULL)
        *err = *g->err;
    group_drop(g);
    pthread_mutex_unlock(&db->lock);
    return failed ? -1 : 0;
}

/* A failure inside may have rolled back the whole transaction, earlier members' work included. */
static void note_loss(struct db *db)
{
    if (sqlite3_get_autocommit(db->writer.sqlite) != 0)
        db->group->failed = true;
}

int db_commit(struct db_tx *tx, struct err *err)
{
    if (db_exec(tx->conn, "RELEASE tx", err) != 0) {
        db_tx_end(tx);
        return -1;
    }
    note_loss(tx->db);
    return leave(tx, err);
}

void db_tx_end(struct db_tx *tx)
{
    if (!tx->open)
        return;
    note_loss(tx->db);
    if (!tx->db->group->failed) {
        (void)sqlite3_exec(tx->conn->sqlite, "ROLLBACK TO tx", NULL, NULL, NULL);
        (void)sqlite3_exec(tx->conn->sqlite, "RELEASE tx", NULL, NULL, NULL);
    }
    (void)leave(tx, NULL);
}

/* The whole file. */

int db_export(struct db *db, const char *path, struct err *err)
{
    auto_read struct db_read r = db_read(db, err);
    sqlite3_stmt *stmt = NULL;

    if (r.conn == NULL)
        return -1;
    /* VACUUM cannot run inside a transaction; nothing was read in this one. */
    (void)sqlite3_exec(r.conn->sqlite, "COMMIT", NULL, NULL, NULL);
    int rc = sqlite3_prepare_v2(r.conn->sqlite, "VACUUM INTO ?", -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? 0 : db_fail(r.conn, rc, err);
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
    checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE);
    give_up_turn(db);
}

void db_limit(struct db *db, int64_t max_bytes)
{
    pthread_mutex_lock(&db->lock);
    bool turn = take_turn(db);
    pthread_mutex_unlock(&db->lock);
    if (!turn)
        return;
    char sql[64];
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%lld", (long long)(max_bytes / 4096 + 1));
    (void)sqlite3_exec(db->writer.sqlite, sql, NULL, NULL, NULL);
    db->limited = true;
    give_up_turn(db);
}
