#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/hook/hook.h"

#define MAX_BODY ((size_t)64 << 10)

static const char *const names[] = {
    [HOOK_PUBLISH] = "publish", [HOOK_UNPUBLISH] = "unpublish", [HOOK_DEPRECATE] = "deprecate",
    [HOOK_TAG] = "tag",         [HOOK_STAGE] = "stage",         [HOOK_OWNER] = "owner",
    [HOOK_PING] = "ping"};

const char *hook_event_name(enum hook_event event)
{
    return names[event];
}

struct text hook_purpose(struct pool *pool, struct text hook)
{
    return text_printf(pool, "hook.secret:%.*s", TEXT_ARG(hook));
}

struct text hook_signature(struct pool *pool, struct text secret, struct text timestamp,
                           struct text body)
{
    unsigned char mac[SHA256_BYTES];
    hmac_sha256(secret, text_printf(pool, "%.*s.%.*s", TEXT_ARG(timestamp), TEXT_ARG(body)), mac);
    return text_printf(pool, "sha256=%.*s", TEXT_ARG(hex_encode(pool, mac, sizeof mac)));
}

static void put_some(struct json_writer *w, const char *key, struct text t)
{
    if (t.base != NULL)
        json_put_text(w, key, t);
}

static void put_list(struct json_writer *w, const char *key, const struct text *list, size_t n)
{
    if (list == NULL)
        return;
    json_key(w, key);
    json_open_array(w);
    for (size_t i = 0; i < n; i++)
        json_text(w, list[i]);
    json_close_array(w);
}

static void put_tenant(struct registry *registry, struct json_writer *w, const char *id)
{
    struct snapshot *accounts = account_snapshot(registry->config.account);
    const struct account_tenant *tenant =
        id != NULL ? account_tenant_by_id(accounts, text_of(id)) : NULL;
    json_put_str(w, "tenant", tenant != NULL ? tenant->slug : NULL);
    snapshot_drop(accounts);
}

static struct text body_of(struct registry *registry, struct pool *pool,
                           const struct hook_note *note)
{
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_BODY);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "event", names[note->event]);
    json_put_time(&w, "at", clock_wall_ms());
    put_tenant(registry, &w, note->tenant);
    json_put_text(&w, "package", note->package);
    json_put_text(&w, "user", note->user);
    put_some(&w, "version", note->version);
    put_some(&w, "integrity", note->integrity);
    put_some(&w, "tag", note->tag);
    put_some(&w, "message", note->message);
    put_some(&w, "state", note->state);
    put_list(&w, "tags", note->tags, note->n_tags);
    put_list(&w, "owners", note->owners, note->n_owners);
    json_close(&w);
    return buf_take(&out, pool);
}

/* Nobody reads there any more: a queue without an end helps nobody. */
static int switch_off(struct db_conn *conn, struct text hook, struct err *err)
{
    static const char sql[] = "UPDATE hook SET active = 0, cause = 'Too many deliveries waited; "
                              "make the receiver answer and switch it on again.' WHERE id = ?";
    static const char end_sql[] =
        "UPDATE hook_delivery SET state = 'failed', ended_at = ?, cause = 'The webhook was "
        "switched off.' WHERE hook = ? AND state = 'waiting'";
    return db_do(conn, err, sql, "s", hook) < 0 ||
                   db_do(conn, err, end_sql, "is", clock_wall_ms(), hook) < 0
               ? -1
               : 0;
}

int hook_deliver(struct db_conn *conn, struct pool *pool, struct text hook, const char *event,
                 struct text body, struct text *id, struct err *err)
{
    static const char sql[] =
        "INSERT INTO hook_delivery (id, hook, event, body, state, created_at, next_at) VALUES (?, "
        "?, ?, ?, 'waiting', ?5, ?5)";
    char made[27];
    random_id(made);
    *id = text_of(pool_strdup(pool, made));
    return db_do(conn, err, sql, "sszsi", *id, hook, event, body, clock_wall_ms()) < 0 ? -1 : 0;
}

struct target {
    struct text hook;
    int64_t waiting;
    struct target *next;
};

/* Read first: rows are written to what is being read otherwise. */
static int find_targets(struct db_conn *conn, struct pool *pool, const struct hook_note *note,
                        struct target **out, struct err *err)
{
    static const char sql[] = "SELECT h.id, h.waiting FROM hook AS h WHERE h.active AND (h.tenant "
                              "= ?1 OR h.tenant IS NULL) AND EXISTS "
                              "(SELECT 1 FROM json_each(h.events) WHERE value = ?2)";
    struct target t = {0};
    auto_rows struct db_rows q = {0};
    *out = NULL;
    if (db_each (&q, conn, err, sql, "zz", note->tenant, names[note->event]) != 0)
        return -1;
    while (db_next(&q, pool, "si", &t.hook, &t.waiting)) {
        t.next = *out;
        *out = pool_alloc(pool, sizeof t);
        **out = t;
    }
    return q.failed ? -1 : 0;
}

int hook_note(struct registry *registry, struct db_conn *conn, struct pool *pool,
              const struct hook_note *note, struct err *err)
{
    struct target *targets;
    struct text body = TEXT_NONE, id;
    if (find_targets(conn, pool, note, &targets, err) != 0)
        return -1;
    if (targets != NULL)
        body = body_of(registry, pool, note);
    for (const struct target *t = targets; t != NULL; t = t->next)
        if ((t->waiting >= HOOK_WAITING_MOST
                 ? switch_off(conn, t->hook, err)
                 : hook_deliver(conn, pool, t->hook, names[note->event], body, &id, err)) != 0)
            return -1;
    return 0;
}
