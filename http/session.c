/* Sessions: made, carried on by use, ended. */
#include "core/clock.h"
#include "core/db.h"
#include "http/account_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_OF_USER 200

int account_load_sessions(struct account *account, struct account_snapshot *into, struct err *err)
{
    static const char sql[] =
        "SELECT id, hash, user, host, coalesce(parent, ''), expires_at FROM session"
        " WHERE expires_at > ?";
    auto_pool struct pool *pool = pool_new();
    auto_read struct db_read r = db_read(account->db, err);
    auto_rows struct db_rows q = {0};
    struct text id, hash, user, host, parent;
    struct account_key *keys = NULL;
    size_t n = 0, room = 0;
    int64_t expires;

    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "i", clock_wall_ms()) != 0)
        return -1;
    while (db_next(&q, pool, "sbsssi", &id, &hash, &user, &host, &parent, &expires)) {
        if (n == room)
            keys = xrealloc(keys, (room = room * 2 + 64) * sizeof(*keys));
        struct account_key *key = &keys[n++];
        *key = (struct account_key){.expires_ms = expires, .scopes = SCOPE_ALL};
        memcpy(key->hash, hash.base, hash.len < SHA256_BYTES ? hash.len : SHA256_BYTES);
        snprintf(key->id, sizeof(key->id), "%.*s", TEXT_ARG(id));
        snprintf(key->user, sizeof(key->user), "%.*s", TEXT_ARG(user));
        snprintf(key->host, sizeof(key->host), "%.*s", TEXT_ARG(host));
        snprintf(key->parent, sizeof(key->parent), "%.*s", TEXT_ARG(parent));
    }
    for (int i = 0; i < ACCOUNT_SHARDS; i++)
        snapshot_drop(&into->sessions[i]->base);
    account_fill(into->sessions, keys, n);
    free(keys);
    return q.failed ? -1 : 0;
}

/* Ids of sessions that a deletion takes, each with its children. */
struct gone {
    struct text *ids; /* sorted */
    size_t n;
};

static int by_text(const void *a, const void *b)
{
    return text_cmp(*(const struct text *)a, *(const struct text *)b);
}

static bool has(const struct gone *gone, const char *id)
{
    struct text key = text_of(id);

    return bsearch(&key, gone->ids, gone->n, sizeof(key), by_text) != NULL;
}

static enum account_verdict drop_gone(void *arg, struct account_key *key)
{
    return has(arg, key->id) || (key->parent[0] != '\0' && has(arg, key->parent)) ? ACCOUNT_DROP
                                                                                  : ACCOUNT_KEEP;
}

/* The oldest give way, so that a program that logs in again and again cannot fill the table. */
static int make_room(struct db_conn *conn, struct pool *pool, const char *user, struct gone *gone,
                     struct err *err)
{
    static const char old[] = "SELECT id FROM session WHERE user = ? ORDER BY id DESC"
                              " LIMIT 50 OFFSET ?";
    static const char drop[] = "DELETE FROM session WHERE id = ?";
    struct text id;

    gone->ids = pool_alloc(pool, 50 * sizeof(*gone->ids));
    {
        auto_rows struct db_rows q = {0};
        if (db_each (&q, conn, err, old, "zi", user, (int64_t)SESSIONS_OF_USER - 1) != 0)
            return -1;
        while (gone->n < 50 && db_next(&q, pool, "s", &id))
            gone->ids[gone->n++] = id;
        if (q.failed)
            return -1;
    }
    for (size_t i = 0; i < gone->n; i++)
        if (db_do(conn, err, drop, "s", gone->ids[i]) < 0)
            return -1;
    qsort(gone->ids, gone->n, sizeof(*gone->ids), by_text);
    return 0;
}

static int insert(struct account *account, struct pool *pool, const struct account_key *key,
                  struct gone *gone, struct err *err)
{
    static const char sql[] =
        "INSERT INTO session (id, hash, user, host, parent, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)";
    const char *parent = key->parent[0] != '\0' ? key->parent : NULL;
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0 || make_room(tx.conn, pool, key->user, gone, err) != 0)
        return -1;
    if (db_do(tx.conn, err, sql, "zbzzzii", key->id, text_n(key->hash, sizeof(key->hash)),
              key->user, key->host, parent, clock_wall_ms(), key->expires_ms) < 0)
        return err->kind == ERR_CONFLICT
                   ? err_set(err, ERR_UNAUTHORIZED, "session_ended",
                             "The session that this one comes from has ended; log in again.")
                   : -1;
    return db_commit(&tx, err);
}

int account_session_create(struct account *account, struct pool *pool, const char *user,
                           struct text host, const char *parent, struct text *cookie_value,
                           struct err *err)
{
    struct account_key key = {.expires_ms = clock_wall_ms() + SESSION_IDLE_MS, .scopes = SCOPE_ALL};
    struct text value = random_text(pool, 32);
    struct gone gone = {0};

    if (host.len >= sizeof(key.host))
        return err_set(err, ERR_INVALID, "bad_host", "The host name is too long.");
    sha256(value, key.hash);
    random_id(key.id);
    snprintf(key.user, sizeof(key.user), "%s", user);
    snprintf(key.host, sizeof(key.host), "%.*s", TEXT_ARG(host));
    snprintf(key.parent, sizeof(key.parent), "%s", parent != NULL ? parent : "");
    if (insert(account, pool, &key, &gone, err) != 0)
        return -1;
    if (gone.n > 0) {
        account_revise_keys(account, ACCOUNT_SESSIONS, drop_gone, &gone);
        account_tell_ended(account, user);
    }
    if (account_add_key(account, ACCOUNT_SESSIONS, &key, err) != 0)
        return err->kind == ERR_CONFLICT
                   ? err_set(err, ERR_UNAUTHORIZED, "session_ended",
                             "The session that this one comes from has ended; log in again.")
                   : -1;
    *cookie_value = value;
    return 0;
}

struct family {
    const char *id;
    char user[ACCOUNT_ID];
};

static enum account_verdict drop_family(void *arg, struct account_key *key)
{
    struct family *family = arg;

    if (strcmp(key->id, family->id) != 0 && strcmp(key->parent, family->id) != 0)
        return ACCOUNT_KEEP;
    memcpy(family->user, key->user, sizeof(family->user));
    return ACCOUNT_DROP;
}

int account_session_end(struct account *account, const char *session, struct err *err)
{
    static const char sql[] = "DELETE FROM session WHERE id = ?";
    struct family family = {session, ""};
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0 || db_do(tx.conn, err, sql, "z", session) < 0 ||
        db_commit(&tx, err) != 0)
        return -1;
    account_revise_keys(account, ACCOUNT_SESSIONS, drop_family, &family);
    if (family.user[0] != '\0')
        account_tell_ended(account, family.user);
    return 0;
}

static enum account_verdict note_code(void *arg, struct account_key *key)
{
    if (strcmp(key->id, arg) != 0)
        return ACCOUNT_KEEP;
    key->code_at_ms = clock_wall_ms();
    return ACCOUNT_ALTERED;
}

void account_session_note_code(struct account *account, const char *session)
{
    account_revise_keys(account, ACCOUNT_SESSIONS, note_code, (void *)(uintptr_t)session);
}

/* Carried on by use. */

struct moved {
    char id[ACCOUNT_ID];
    int64_t expires_ms;
};

struct moves {
    struct moved *list;
    size_t n;
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct moved *)a)->id, ((const struct moved *)b)->id);
}

static enum account_verdict move_expiry(void *arg, struct account_key *key)
{
    const struct moves *moves = arg;
    struct moved wanted;

    memcpy(wanted.id, key->id, sizeof(wanted.id));
    const struct moved *found = bsearch(&wanted, moves->list, moves->n, sizeof(wanted), by_id);
    if (found == NULL)
        return ACCOUNT_KEEP;
    key->expires_ms = found->expires_ms;
    return ACCOUNT_ALTERED;
}

/* The session and the one it came from: whoever works in an editor all day uses the portal, too. */
static int move_one(struct db_conn *conn, struct pool *pool, const struct account_touched *t,
                    struct moves *moves, struct err *err)
{
    static const char due[] = "SELECT id, min(?2, created_at + ?3) FROM session"
                              " WHERE id IN (?1, (SELECT parent FROM session WHERE id = ?1))"
                              " AND expires_at < min(?2, created_at + ?3) - ?4";
    static const char put[] = "UPDATE session SET expires_at = ? WHERE id = ?";
    struct text ids[2];
    int64_t until[2];
    size_t n = 0;

    {
        auto_rows struct db_rows q = {0};
        if (db_each (&q, conn, err, due, "ziii", t->id, t->at + SESSION_IDLE_MS,
                     (int64_t)SESSION_LIFE_MS, (int64_t)SESSION_STEP_MS) != 0)
            return -1;
        while (n < 2 && db_next(&q, pool, "si", &ids[n], &until[n]))
            n++;
        if (q.failed)
            return -1;
    }
    for (size_t i = 0; i < n; i++) {
        struct moved *m = &moves->list[moves->n++];
        snprintf(m->id, sizeof(m->id), "%.*s", TEXT_ARG(ids[i]));
        m->expires_ms = until[i];
        if (db_do(conn, err, put, "is", until[i], ids[i]) < 0)
            return -1;
    }
    return 0;
}

int account_carry_sessions(struct account *account, const struct account_touched *touched, size_t n,
                           struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct moves moves = {pool_alloc(pool, (2 * n + 1) * sizeof(struct moved)), 0};
    auto_tx struct db_tx tx = {0};

    if (n == 0)
        return 0;
    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!touched[i].is_token && move_one(tx.conn, pool, &touched[i], &moves, err) != 0)
            return -1;
    if (db_commit(&tx, err) != 0)
        return -1;
    qsort(moves.list, moves.n, sizeof(*moves.list), by_id);
    if (moves.n > 0)
        account_revise_keys(account, ACCOUNT_SESSIONS, move_expiry, &moves);
    return 0;
}

/* Expired ones, with the children that go with them. */
int account_expire_sessions(struct account *account, struct err *err)
{
    static const char due[] =
        "SELECT id FROM session WHERE expires_at < ?1 OR parent IN"
        " (SELECT id FROM session WHERE expires_at < ?1) ORDER BY id LIMIT 10000";
    static const char drop[] = "DELETE FROM session WHERE id = ?";
    auto_pool struct pool *pool = pool_new();
    struct gone gone = {pool_alloc(pool, 10000 * sizeof(struct text)), 0};

    {
        auto_read struct db_read r = db_read(account->db, err);
        auto_rows struct db_rows q = {0};
        if (r.conn == NULL || db_each (&q, r.conn, err, due, "i", clock_wall_ms()) != 0)
            return -1;
        while (gone.n < 10000 && db_next(&q, pool, "s", &gone.ids[gone.n]))
            gone.n++;
        if (q.failed)
            return -1;
    }
    if (gone.n == 0)
        return 0;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    for (size_t i = 0; i < gone.n; i++)
        if (db_do(tx.conn, err, drop, "s", gone.ids[i]) < 0)
            return -1;
    if (db_commit(&tx, err) != 0)
        return -1;
    account_revise_keys(account, ACCOUNT_SESSIONS, drop_gone, &gone);
    account_tell_ended(account, NULL);
    return 0;
}
