/* Webhooks of the API: a tenant's, and the platform's, which are told of every package. */
#include "registry/routes.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/seal.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/hook/hook.h"

#define MAX_ANSWER ((size_t)4 << 20)
#define MAX_URL 1000

#define COLUMNS                                                                                    \
    "id, url, events AS \"events!\", active AS \"active?\", cause, failing_since AS "              \
    "\"failing_since@\", created_by, created_at AS \"created_at@\", waiting"
/* ?1: the tenant's id, NULL for the platform's. */
#define OWN "tenant IS ?1"

static const char *owner(const struct call *c)
{
    return c->tenant != NULL ? c->tenant->id : NULL;
}

static struct db *control(const struct call *c)
{
    return ((const struct registry *)c->area)->config.control;
}

static int not_found(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "hook_not_found", "There is no such webhook.");
}

static void answer_list(struct call *c, const char *sql, struct text key)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    auto_read struct db_read r = db_read(control(c), &err);
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    if (!asked_went_well(
            c, r.conn != NULL ? db_json(&w, r.conn, &err, sql, "zs", owner(c), key) : -1, &err))
        return;
    json_put_str(&w, "next", NULL);
    json_close(&w);
    call_json(c, 200, &out);
}

/* The one row as the answer; secret: absent, or ?3 of the statement. */
static void answer_row(struct call *c, int status, const char *sql, struct text key,
                       struct text secret)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    auto_read struct db_read r = db_read(control(c), &err);
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    int failed = r.conn == NULL ? -1
                 : secret.base != NULL
                     ? db_json(&w, r.conn, &err, sql, "zss", owner(c), key, secret)
                     : db_json(&w, r.conn, &err, sql, "zs", owner(c), key);
    if (failed == 0 && out.len <= 2)
        failed = not_found(&err);
    if (asked_went_well(c, failed, &err))
        call_bytes(c, status, "application/json",
                   text_dup(c->pool, text_sub(buf_view(&out), 1, out.len - 2)));
}

static const char one_sql[] = "SELECT " COLUMNS " FROM hook WHERE id = ?2 AND " OWN;

static void get_hooks(struct call *c)
{
    static const char sql[] =
        "SELECT " COLUMNS " FROM hook WHERE ?2 IS NULL AND " OWN " ORDER BY created_at";
    answer_list(c, sql, TEXT_NONE);
}

static void get_hook(struct call *c)
{
    answer_row(c, 200, one_sql, call_param(c, "hook"), TEXT_NONE);
}

static int check_url(struct text url, struct err *err)
{
    struct text rest = text_starts(url, "https://")  ? text_sub(url, 8, url.len)
                       : text_starts(url, "http://") ? text_sub(url, 7, url.len)
                                                     : TEXT_NONE;
    struct text host = text_sub(rest, 0, text_find(rest, '/', 0));
    if (host.len == 0 || url.len > MAX_URL || !text_is_printable(url) || text_has(url, ' ') ||
        text_has(url, '#') || text_has(host, '@'))
        return err_set(err, ERR_UNPROCESSABLE, "bad_url",
                       "The address must begin with https:// (or http://), have a host and neither "
                       "a name nor a fragment in it.");
    return 0;
}

static bool is_event(struct text name)
{
    for (int i = 0; i < HOOK_EVENTS; i++)
        if (text_is(name, hook_event_name((enum hook_event)i)))
            return true;
    return false;
}

/* ["publish",…] of the body; all when it says nothing. */
static int read_events(struct call *c, const struct json *doc, struct text *out, struct err *err)
{
    const struct json *list = json_get(doc, "events");
    struct text events =
        TEXT("[\"publish\",\"unpublish\",\"deprecate\",\"tag\",\"stage\",\"owner\"]");
    if (list == NULL) {
        if (out->base == NULL)
            *out = events;
        return 0;
    }
    if (list->type != JSON_ARRAY || list->count == 0 || list->count > HOOK_EVENTS)
        return err_set(err, ERR_UNPROCESSABLE, "bad_events",
                       "events is a list of publish, unpublish, deprecate, tag, stage and owner.");
    json_each (event, list)
        if (event->type != JSON_STRING || !is_event(event->text))
            return err_set(
                err, ERR_UNPROCESSABLE, "bad_events",
                "There is no event \"%.*s\": choose among publish, unpublish, deprecate, "
                "tag, stage and owner.",
                TEXT_ARG(text_sub(event->text, 0, 40)));
    *out = text_dup(c->pool, list->raw);
    return 0;
}

static int insert(struct call *c, const char *id, struct text url, struct text events,
                  struct text secret, struct err *err)
{
    static const char count_sql[] = "SELECT count(*) FROM hook WHERE " OWN;
    static const char sql[] = "INSERT INTO hook (id, tenant, url, events, secret, active, "
                              "created_by, created_at) VALUES (?, ?, ?, ?, ?, 1, ?, ?)";
    struct registry *registry = c->area;
    int64_t n;
    struct text sealed =
        seal_put(registry->config.seal, c->pool, hook_purpose(c->pool, text_of(id)), secret);
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, control(c), err) != 0 ||
        db_get(tx.conn, c->pool, err, count_sql, "z", "i", owner(c), &n) != 0)
        return -1;
    if (n >= HOOK_MOST)
        return err_set(err, ERR_TOO_MANY, "too_many_hooks",
                       "There are %d webhooks already; remove one first.", HOOK_MOST);
    if (db_do(tx.conn, err, sql, "zzssszi", id, owner(c), url, events, sealed, c->who->name,
              clock_wall_ms()) < 0)
        return -1;
    return db_commit(&tx, err);
}

static void post_hook(struct call *c)
{
    static const char sql[] = "SELECT " COLUMNS ", ?3 AS secret FROM hook WHERE id = ?2 AND " OWN;
    struct err err;
    const struct json *doc;
    struct text url = TEXT_NONE, events = TEXT_NONE, secret = random_text(c->pool, 32);
    char id[27];
    random_id(id);
    if (!asked_went_well(c, call_json_body(c, &doc, &err), &err) ||
        !asked_went_well(c, json_need_text(doc, "url", &url, &err), &err) ||
        !asked_went_well(c, check_url(url, &err), &err) ||
        !asked_went_well(c, read_events(c, doc, &events, &err), &err) ||
        !asked_went_well(c, insert(c, id, url, events, secret, &err), &err))
        return;
    answer_row(c, 201, sql, text_of(id), secret);
}

static int change(struct call *c, const struct json *doc, struct err *err)
{
    static const char get_sql[] = "SELECT url, events, active FROM hook WHERE id = ?2 AND " OWN;
    static const char sql[] =
        "UPDATE hook SET url = ?1, events = ?2, active = ?3, failing_since = iif(?3, NULL, "
        "failing_since), cause = iif(?3 AND NOT active, NULL, cause) WHERE id = ?4";
    struct text url, events, id = call_param(c, "hook");
    int64_t was_active;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, control(c), err) != 0)
        return -1;
    if (db_get(tx.conn, c->pool, NULL, get_sql, "zs", "ssi", owner(c), id, &url, &events,
               &was_active) != 0)
        return not_found(err);
    bool active = was_active != 0;
    if (json_want_text(doc, "url", &url, err) != 0 || check_url(url, err) != 0 ||
        json_want_bool(doc, "active", &active, err) != 0 ||
        read_events(c, doc, &events, err) != 0 ||
        db_do(tx.conn, err, sql, "ssis", url, events, (int64_t)active, id) < 0)
        return -1;
    return db_commit(&tx, err);
}

static void patch_hook(struct call *c)
{
    struct err err;
    const struct json *doc;
    if (asked_went_well(c, call_json_body(c, &doc, &err), &err) &&
        asked_went_well(c, change(c, doc, &err), &err))
        get_hook(c);
}

static int remove_hook(struct call *c, struct err *err)
{
    static const char sql[] = "DELETE FROM hook WHERE id = ?2 AND " OWN;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, control(c), err) != 0)
        return -1;
    int rows = db_do(tx.conn, err, sql, "zs", owner(c), call_param(c, "hook"));
    if (rows <= 0)
        return rows < 0 ? -1 : not_found(err);
    return db_commit(&tx, err);
}

static void delete_hook(struct call *c)
{
    struct err err;
    if (asked_went_well(c, remove_hook(c, &err), &err))
        call_empty(c, 204);
}

#define DELIVERY                                                                                   \
    "SELECT d.id, d.event, d.state, d.attempts, d.status, d.cause, d.created_at AS "               \
    "\"created_at@\", iif(d.state = 'waiting', d.next_at, NULL) AS \"next_at@\", d.ended_at AS "   \
    "\"ended_at@\", d.body AS \"body!\" FROM hook_delivery AS d JOIN hook ON hook.id = d.hook "

static int find(const struct call *c, struct err *err)
{
    static const char sql[] = "SELECT active FROM hook WHERE id = ?2 AND " OWN;
    int64_t active;
    auto_read struct db_read r = db_read(control(c), err);
    if (r.conn == NULL)
        return -1;
    return db_get(r.conn, c->pool, NULL, sql, "zs", "i", owner(c), call_param(c, "hook"),
                  &active) != 0
               ? not_found(err)
               : 0;
}

static void get_deliveries(struct call *c)
{
    struct err err;
    static const char sql[] = DELIVERY "WHERE d.hook = ?2 AND " OWN " ORDER BY d.id DESC LIMIT 200";
    if (asked_went_well(c, find(c, &err), &err))
        answer_list(c, sql, call_param(c, "hook"));
}

/* A delivery of this body; with it absent, of the one that delivery was. */
static int deliver(struct call *c, struct text delivery, struct text *id, struct err *err)
{
    static const char hook_sql[] = "SELECT active, waiting FROM hook WHERE id = ?2 AND " OWN;
    static const char sql[] = "SELECT event, body FROM hook_delivery WHERE id = ? AND hook = ?";
    struct text hook = call_param(c, "hook"), event = TEXT("ping"), body;
    int64_t active, waiting;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, control(c), err) != 0)
        return -1;
    if (db_get(tx.conn, c->pool, NULL, hook_sql, "zs", "ii", owner(c), hook, &active, &waiting) !=
        0)
        return not_found(err);
    if (!active)
        return err_set(err, ERR_CONFLICT, "hook_off",
                       "The webhook is switched off; switch it on first.");
    if (waiting >= HOOK_WAITING_MOST)
        return err_set(err, ERR_TOO_MANY, "too_many_deliveries", "Too many deliveries wait.");
    body = text_printf(c->pool, "{\"event\":\"ping\",\"at\":\"%s\",\"hook\":\"%.*s\"}",
                       clock_iso(c->pool, clock_wall_ms()), TEXT_ARG(hook));
    if (delivery.base != NULL &&
        db_get(tx.conn, c->pool, NULL, sql, "ss", "ss", delivery, hook, &event, &body) != 0)
        return err_set(err, ERR_NOT_FOUND, "delivery_not_found", "There is no such delivery.");
    if (hook_deliver(tx.conn, c->pool, hook, text_c(c->pool, event), body, id, err) != 0 ||
        db_commit(&tx, err) != 0)
        return -1;
    hooks_wake(((struct registry *)c->area)->hooks);
    return 0;
}

static void post_delivery(struct call *c)
{
    static const char sql[] = DELIVERY "WHERE d.id = ?2 AND " OWN;
    struct err err;
    struct text id = TEXT_NONE;
    if (asked_went_well(c, deliver(c, call_param(c, "delivery"), &id, &err), &err))
        answer_row(c, 201, sql, id, TEXT_NONE);
}

/* The same for a tenant and for the platform. */
#define ROUTES(at, whom, may)                                                                      \
    {.method = "GET",                                                                              \
     .path = at,                                                                                   \
     .handle = get_hooks,                                                                          \
     .who = whom,                                                                                  \
     .scope = may,                                                                                 \
     .summary = "Webhooks: who is told what happens to packages",                                  \
     .answer = "[Hook]"},                                                                          \
        {.method = "POST",                                                                         \
         .path = at,                                                                               \
         .handle = post_hook,                                                                      \
         .who = whom,                                                                              \
         .scope = may,                                                                             \
         .secret = true,                                                                           \
         .summary = "Adds a webhook; its secret is told once",                                     \
         .body = "NewHook",                                                                        \
         .answer = "Hook",                                                                         \
         .status = 201},                                                                           \
        {.method = "GET",                                                                          \
         .path = at "/:hook",                                                                      \
         .handle = get_hook,                                                                       \
         .who = whom,                                                                              \
         .scope = may,                                                                             \
         .summary = "One webhook",                                                                 \
         .answer = "Hook"},                                                                        \
        {.method = "PATCH",                                                                        \
         .path = at "/:hook",                                                                      \
         .handle = patch_hook,                                                                     \
         .who = whom,                                                                              \
         .scope = may,                                                                             \
         .summary = "Changes address or events, switches it off and on",                           \
         .body = "HookChange",                                                                     \
         .answer = "Hook"},                                                                        \
        {.method = "DELETE",                                                                       \
         .path = at "/:hook",                                                                      \
         .handle = delete_hook,                                                                    \
         .who = whom,                                                                              \
         .scope = may,                                                                             \
         .summary = "Removes a webhook and what waits to be delivered"},                           \
        {.method = "GET",                                                                          \
         .path = at "/:hook/deliveries",                                                           \
         .handle = get_deliveries,                                                                 \
         .who = whom,                                                                              \
         .scope = may,                                                                             \
         .summary = "What was and will be delivered, newest first",                                \
         .answer = "[HookDelivery]"},                                                              \
        {.method = "POST",                                                                         \
         .path = at "/:hook/deliveries",                                                           \
         .handle = post_delivery,                                                                  \
         .who = whom,                                                                              \
         .scope = may,                                                                             \
         .summary = "Delivers a ping, to try the receiver",                                        \
         .answer = "HookDelivery",                                                                 \
         .status = 201},                                                                           \
    {                                                                                              \
        .method = "POST", .path = at "/:hook/deliveries/:delivery", .handle = post_delivery,       \
        .who = whom, .scope = may, .summary = "Delivers the same once more",                       \
        .answer = "HookDelivery", .status = 201                                                    \
    }

/* Addresses often hold a secret of the receiver: for owners. They are told of all packages, so that
 * a token that is limited to some is not for them. */
static const struct route tenant_table[] = {
    ROUTES("/api/v1/tenants/:tenant/hooks", WHO_MEMBER, SCOPE_TENANT_ADMIN | SCOPE_PACKAGE_READ)};
static const struct route platform_table[] = {ROUTES("/api/v1/hooks", WHO_ADMIN, 0)};

int routes_hooks(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, tenant_table, sizeof tenant_table / sizeof tenant_table[0], registry,
                      err) != 0
               ? -1
               : router_add(router, platform_table,
                            sizeof platform_table / sizeof platform_table[0], registry, err);
}
