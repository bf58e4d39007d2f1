/* Sessions and the tickets that carry them to another host. */
#include "core/clock.h"
#include "core/db.h"
#include "http/account_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSION_LIFE_MS (30ll * 86400 * 1000)
#define TICKET_LIFE_MS 30000
#define TICKETS_MOST 1024

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

int account_session_create(struct account *account, struct pool *pool, const char *user,
                           struct text host, const char *parent, struct text *cookie_value,
                           struct err *err)
{
    static const char sql[] =
        "INSERT INTO session (id, hash, user, host, parent, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)";
    struct account_key key = {.expires_ms = clock_wall_ms() + SESSION_LIFE_MS, .scopes = SCOPE_ALL};
    struct text value = random_text(pool, 32);
    auto_tx struct db_tx tx = {0};

    if (host.len >= sizeof(key.host))
        return err_set(err, ERR_INVALID, "bad_host", "The host name is too long.");
    sha256(value, key.hash);
    random_id(key.id);
    snprintf(key.user, sizeof(key.user), "%s", user);
    snprintf(key.host, sizeof(key.host), "%.*s", TEXT_ARG(host));
    snprintf(key.parent, sizeof(key.parent), "%s", parent != NULL ? parent : "");
    if (db_begin(&tx, account->db, err) != 0 ||
        db_do(tx.conn, err, sql, "zbzszii", key.id, text_n(key.hash, sizeof(key.hash)), user, host,
              parent, clock_wall_ms(), key.expires_ms) < 0 ||
        db_commit(&tx, err) != 0)
        return -1;
    account_put_key(account, ACCOUNT_SESSIONS, &key, false);
    *cookie_value = value;
    return 0;
}

struct family {
    const char *id;
    char user[ACCOUNT_ID];
};

static bool is_family(void *arg, const struct account_key *key)
{
    struct family *family = arg;

    if (strcmp(key->id, family->id) != 0 && strcmp(key->parent, family->id) != 0)
        return false;
    memcpy(family->user, key->user, sizeof(family->user));
    return true;
}

int account_session_end(struct account *account, const char *session, struct err *err)
{
    static const char sql[] = "DELETE FROM session WHERE id = ?";
    struct family family = {session, ""};
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0 || db_do(tx.conn, err, sql, "z", session) < 0 ||
        db_commit(&tx, err) != 0)
        return -1;
    account_sweep_keys(account, ACCOUNT_SESSIONS, is_family, &family);
    if (family.user[0] != '\0')
        account_tell_ended(account, family.user);
    return 0;
}

/* Tickets: memory only, one use. */

struct ticket {
    unsigned char hash[SHA256_BYTES];
    char session[ACCOUNT_ID], host[128];
    int64_t until_ms; /* monotonic; 0: free */
};

struct account_tickets {
    pthread_mutex_t lock;
    struct ticket tickets[TICKETS_MOST];
    size_t next;
};

struct account_tickets *account_tickets_new(void)
{
    struct account_tickets *tickets = xcalloc(1, sizeof(*tickets));

    pthread_mutex_init(&tickets->lock, NULL);
    return tickets;
}

void account_tickets_free(struct account_tickets *tickets)
{
    pthread_mutex_destroy(&tickets->lock);
    free(tickets);
}

struct text account_ticket_make(struct account *account, struct pool *pool, const char *session,
                                struct text host)
{
    struct account_tickets *t = account->tickets;
    struct text value = random_text(pool, 32);

    pthread_mutex_lock(&t->lock);
    /* The oldest gives way: a ticket lives for one redirect. */
    struct ticket *ticket = &t->tickets[t->next];
    t->next = (t->next + 1) % TICKETS_MOST;
    sha256(value, ticket->hash);
    snprintf(ticket->session, sizeof(ticket->session), "%s", session);
    snprintf(ticket->host, sizeof(ticket->host), "%.*s", TEXT_ARG(host));
    ticket->until_ms = clock_mono_ms() + TICKET_LIFE_MS;
    pthread_mutex_unlock(&t->lock);
    return value;
}

static const struct account_key *session_by_id(const struct account_snapshot *s, const char *id)
{
    for (int i = 0; i < ACCOUNT_SHARDS; i++)
        for (size_t k = 0; k < s->sessions[i]->n; k++)
            if (strcmp(s->sessions[i]->keys[k].id, id) == 0)
                return &s->sessions[i]->keys[k];
    return NULL;
}

bool account_ticket_take(struct account *account, struct pool *pool, struct text ticket,
                         struct text host, const char **user, const char **session)
{
    struct account_tickets *t = account->tickets;
    unsigned char hash[SHA256_BYTES];
    char id[ACCOUNT_ID] = "";

    sha256(ticket, hash);
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < TICKETS_MOST; i++) {
        struct ticket *one = &t->tickets[i];
        if (one->until_ms < clock_mono_ms() || memcmp(one->hash, hash, sizeof(hash)) != 0 ||
            !text_is(host, one->host))
            continue;
        memcpy(id, one->session, sizeof(id));
        one->until_ms = 0;
        break;
    }
    pthread_mutex_unlock(&t->lock);
    if (id[0] == '\0')
        return false;
    struct snapshot *s = account_snapshot(account);
    const struct account_key *key = session_by_id((const struct account_snapshot *)s, id);
    if (key != NULL) {
        *user = pool_strdup(pool, key->user);
        *session = pool_strdup(pool, key->id);
    }
    snapshot_drop(s);
    return key != NULL;
}

const char *account_session_parent(struct account *account, struct pool *pool, const char *session)
{
    struct snapshot *s = account_snapshot(account);
    const struct account_key *key = session_by_id((const struct account_snapshot *)s, session);
    const char *parent =
        key != NULL && key->parent[0] != '\0' ? pool_strdup(pool, key->parent) : NULL;

    snapshot_drop(s);
    return parent;
}
