/* The writer's turn and the transactions that several share. */
#include "core/clock.h"
#include "core/db_part.h"
#include "core/err.h"
#include "core/pool.h"

#include <errno.h>
#include <stdlib.h>

#define GROUP_MOST 64

/* Prepared once for each connection, as all statements are. */
static const char begin_sql[] = "BEGIN IMMEDIATE", commit_sql[] = "COMMIT",
                  enter_sql[] = "SAVEPOINT tx", leave_sql[] = "RELEASE tx";

/* Lock held. Waits for the turn; false after the deadline. */
static bool wait_for_turn(struct db *db)
{
    struct timespec until = db_deadline(db);
    struct db_waiter me = {.granted = false};
    int rc = 0;

    if (!db->writer_taken) {
        db->writer_taken = true;
        return true;
    }
    db_cond_init(&me.turn);
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

int db_turn_take(struct db *db, struct err *err)
{
    pthread_mutex_lock(&db->lock);
    bool turn = wait_for_turn(db);
    pthread_mutex_unlock(&db->lock);
    return turn ? 0
                : err_set(err, ERR_UNAVAILABLE, "database_busy",
                          "Too many changes wait for the disk; try again.");
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

static void say_lost(struct err *err)
{
    err_set(err, ERR_UNAVAILABLE, "write_failed",
            "The change could not be written and nothing of it was kept; try again.");
}

/* A failure inside may have rolled back the whole transaction, earlier members' work included. */
static bool is_lost(struct db *db)
{
    if (!db->group->failed && sqlite3_get_autocommit(db->writer.sqlite) != 0) {
        db->group->failed = true;
        say_lost(db->group->err);
    }
    return db->group->failed;
}

bool db_lost(struct db_conn *conn, struct err *err)
{
    struct db *db = conn->db;

    if (conn != &db->writer || db->group == NULL || !is_lost(db))
        return false;
    if (err != NULL)
        *err = *db->group->err;
    return true;
}

/* COMMIT, then everybody in the group learns how it went. The turn is ours. */
static void commit_group(struct db *db, struct db_group *g)
{
    g->committing = true;
    if (!is_lost(db))
        g->failed = db_do(&db->writer, g->err, commit_sql, "") < 0;
    if (g->failed && sqlite3_get_autocommit(db->writer.sqlite) == 0)
        (void)sqlite3_exec(db->writer.sqlite, "ROLLBACK", NULL, NULL, NULL);
    db->group = NULL;
    db->last_write_ms = clock_mono_ms();
    if (db->wal_pages > db->checkpoint_at)
        db_checkpoint(db, SQLITE_CHECKPOINT_PASSIVE);
    pthread_mutex_lock(&db->lock);
    g->done = true;
    pthread_cond_broadcast(&g->ended);
    pass_turn(db);
    group_drop(g);
    pthread_mutex_unlock(&db->lock);
}

void db_turn_end(struct db *db)
{
    struct db_group *g = db->group;

    pthread_mutex_lock(&db->lock);
    /* A lost transaction ends here: the next member must not commit on its ruins. */
    bool hand_over = g == NULL || (!g->failed && g->members < GROUP_MOST && db->first != NULL);
    if (hand_over)
        pass_turn(db);
    pthread_mutex_unlock(&db->lock);
    if (!hand_over)
        commit_group(db, g);
}

int db_begin(struct db_tx *tx, struct db *db, struct err *err)
{
    if (db_turn_take(db, err) != 0)
        return -1;
    if (db->group == NULL) {
        if (db_do(&db->writer, err, begin_sql, "") < 0) {
            db_turn_end(db);
            return -1;
        }
        db->group = group_new();
        db->group->refs = 1; /* the open transaction's own */
    }
    *tx = (struct db_tx){db, &db->writer, true};
    if (db_do(&db->writer, err, enter_sql, "") < 0) {
        db_tx_end(tx);
        return -1;
    }
    return 0;
}

/* Ends this member's part and waits for the group's outcome. */
static int leave(struct db_tx *tx, struct err *err)
{
    struct db *db = tx->db;
    struct db_group *g = db->group;

    tx->open = false;
    pthread_mutex_lock(&db->lock);
    unsigned me = g->members++;
    g->refs++;
    pthread_mutex_unlock(&db->lock);
    db_turn_end(db);
    pthread_mutex_lock(&db->lock);
    while (!g->done)
        pthread_cond_wait(&g->ended, &db->lock);
    bool failed = g->failed;
    if (failed && err != NULL) {
        *err = *g->err;
        if (g->err->kind == ERR_TOO_LARGE && me != g->loser)
            say_lost(err); /* theirs was too large, not ours */
    }
    group_drop(g);
    pthread_mutex_unlock(&db->lock);
    return failed ? -1 : 0;
}

int db_commit(struct db_tx *tx, struct err *err)
{
    if (is_lost(tx->db) || db_do(tx->conn, err, leave_sql, "") >= 0)
        return leave(tx, err);
    db_tx_end(tx);
    return -1;
}

void db_tx_end(struct db_tx *tx)
{
    if (!tx->open)
        return;
    if (!is_lost(tx->db)) {
        (void)sqlite3_exec(tx->conn->sqlite, "ROLLBACK TO tx", NULL, NULL, NULL);
        (void)sqlite3_exec(tx->conn->sqlite, "RELEASE tx", NULL, NULL, NULL);
    }
    (void)leave(tx, NULL);
}
