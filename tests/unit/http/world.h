/* A control database in a file of its own with one user and one tenant, for tests of accounts and
 * of what stands on them. */
#pragma once

#include "tests/unit/unit.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/embedded.h"
#include "core/pool.h"
#include "http/account_part.h"

#include <stdio.h>
#include <unistd.h>

extern const struct embedded http_sql[];

struct world {
    char path[64];
    struct db *db;
    struct account *account;
    struct pool *pool;
    char user[ACCOUNT_ID], tenant[ACCOUNT_ID];
};

static inline void open_account(struct world *w)
{
    const struct db_schema schemas[] = {{"http", http_sql}, {NULL, NULL}};
    struct db_config config = {.path = w->path, .schemas = schemas, .readers = 2};
    struct err err = {0};

    w->db = db_open(&config, &err);
    assert_non_null(w->db);
    w->account = account_open(w->db, "rh", &err);
    assert_non_null(w->account);
}

static inline void close_account(struct world *w)
{
    account_close(w->account);
    db_close(w->db);
}

static inline int set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct account_user user = {.name = TEXT("ada"), .password = TEXT("correct horse")};
    struct err err;
    int fd;

    snprintf(w->path, sizeof(w->path), "/tmp/account-test-XXXXXX");
    fd = mkstemp(w->path);
    close(fd);
    w->pool = pool_new();
    open_account(w);
    assert_int_equal(account_user_create(w->account, &user, w->user, &err), 0);
    assert_int_equal(account_tenant_create(w->account, TEXT("acme"), TEXT("Acme"), w->tenant, &err),
                     0);
    *state = w;
    return 0;
}

static inline int tear_down(void **state)
{
    struct world *w = *state;

    close_account(w);
    pool_free(w->pool);
    unlink(w->path);
    char other[80];
    snprintf(other, sizeof(other), "%s-wal", w->path);
    unlink(other);
    snprintf(other, sizeof(other), "%s-shm", w->path);
    unlink(other);
    free(w);
    return 0;
}

static inline bool session_lives(struct world *w, struct text cookie, const char *host)
{
    struct snapshot *s = account_snapshot(w->account);
    struct identity who;
    bool lives = account_session_find(s, cookie, host, &who);

    snapshot_drop(s);
    return lives;
}

static inline bool token_lives(struct world *w, struct text token, struct identity *who)
{
    struct snapshot *s = account_snapshot(w->account);
    bool lives = account_token_find(s, token, who);

    snapshot_drop(s);
    return lives;
}

static inline void run_sql(struct world *w, const char *sql)
{
    struct err err;
    auto_tx struct db_tx tx = {0};

    assert_int_equal(db_begin(&tx, w->db, &err), 0);
    assert_true(db_do(tx.conn, &err, sql, "") >= 0);
    assert_int_equal(db_commit(&tx, &err), 0);
}

static inline int64_t read_number(struct world *w, const char *sql)
{
    struct err err;
    int64_t n = -1;
    auto_read struct db_read r = db_read(w->db, &err);

    assert_non_null(r.conn);
    assert_int_equal(db_get(r.conn, w->pool, &err, sql, "", "i", &n), 0);
    return n;
}
