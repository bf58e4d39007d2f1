/* The API of rules and of what they refused. */
#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/page/users.h"
#include "registry/policy/policy.h"
#include "registry/policy/rules.h"

#define MAX_RULES ((size_t)1 << 20)
#define MAX_ANSWER ((size_t)2 << 20)
#define MAX_NODES 100000
#define KEPT 10000

int policy_read(struct registry *registry, struct pool *pool, const char *tenant,
                struct text *rules, struct err *err)
{
    static const char sql[] = "SELECT rules FROM policy WHERE tenant = ?";
    struct err why;
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, pool, &why, sql, "z", "s", tenant != NULL ? tenant : "", rules) == 0)
        return 0;
    *rules = TEXT("{}");
    return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, why.code, "%s", why.text);
}

int policy_write(struct registry *registry, struct pool *pool, const char *tenant,
                 struct text rules, const char *by, struct err *err)
{
    static const char sql[] =
        "INSERT INTO policy (tenant, rules, updated_at, updated_by) VALUES (?, ?, ?, ?) ON "
        "CONFLICT "
        "(tenant) DO UPDATE SET rules = excluded.rules, updated_at = excluded.updated_at, "
        "updated_by = excluded.updated_by";
    struct json *doc;
    struct rules parsed;
    if (json_read(pool, rules, MAX_NODES, &doc, err) != 0 ||
        rules_read(pool, doc, &parsed, err) != 0)
        return -1;
    {
        auto_tx struct db_tx tx = {0};
        if (db_begin(&tx, registry->config.control, err) != 0 ||
            db_do(tx.conn, err, sql, "zsiz", tenant != NULL ? tenant : "", rules, clock_wall_ms(),
                  by) < 0 ||
            db_commit(&tx, err) != 0)
            return -1;
    }
    return policy_reload(registry->policy, err);
}

/* Best effort: what cannot be counted is refused all the same. */
void policy_count(struct registry *registry, const struct policy_refusal *refusal)
{
    static const char sql[] =
        "INSERT INTO policy_refusal (package, version, who, tenant, action, reason, times, "
        "last_at) "
        "VALUES (?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (package, version, who, action) DO UPDATE SET "
        "times = times + 1, last_at = excluded.last_at, reason = excluded.reason, tenant = "
        "excluded.tenant";
    static const char old_sql[] =
        "DELETE FROM policy_refusal WHERE (SELECT count(*) FROM policy_refusal) > ?1 AND last_at "
        "<= "
        "(SELECT last_at FROM policy_refusal ORDER BY last_at DESC LIMIT 1 OFFSET ?2)";
    struct err err;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, &err) != 0 ||
        db_do(tx.conn, &err, sql, "ssszzsi", refusal->package, text_sub(refusal->version, 0, 256),
              refusal->who, refusal->tenant != NULL ? refusal->tenant : "", refusal->action,
              refusal->reason, clock_wall_ms()) < 0 ||
        db_do(tx.conn, &err, old_sql, "ii", (int64_t)KEPT, (int64_t)KEPT * 9 / 10) < 0)
        return;
    (void)db_commit(&tx, &err);
}

static void answer_rules(struct call *c, const char *tenant)
{
    struct err err;
    struct text rules = TEXT_NONE;
    if (!asked_went_well(c, policy_read(c->area, c->pool, tenant, &rules, &err), &err))
        return;
    call_set(c, "cache-control", TEXT("no-store"));
    call_bytes(c, 200, "application/json", rules);
}

static void take_rules(struct call *c, const char *tenant)
{
    struct err err;
    const struct json *doc;
    if (!asked_went_well(c, call_json_body(c, &doc, &err), &err) ||
        !asked_went_well(c, policy_write(c->area, c->pool, tenant, doc->raw, c->who->name, &err),
                         &err))
        return;
    answer_rules(c, tenant);
}

static void get_policy(struct call *c)
{
    answer_rules(c, NULL);
}

static void put_policy(struct call *c)
{
    take_rules(c, NULL);
}

static void get_tenant_policy(struct call *c)
{
    answer_rules(c, c->tenant->id);
}

static void put_tenant_policy(struct call *c)
{
    take_rules(c, c->tenant->id);
}

/* Of tenants that the asker is in; of people outside of tenants administrators alone. */
static int list_refusals(struct call *c, struct json_writer *w, struct err *err)
{
    static const char sql[] =
        "SELECT package, version, who, tenant, action, reason, times, last_at FROM policy_refusal "
        "WHERE (?1 IS NULL OR tenant IN (SELECT value FROM json_each(?1))) ORDER BY last_at DESC "
        "LIMIT 200";
    struct registry *registry = c->area;
    struct text package, version, who, tenant, action, reason;
    int64_t times, last;
    auto_read struct db_read r = db_read(registry->config.control, err);
    auto_rows struct db_rows q = {0};
    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "s", users_tenants(c)) != 0)
        return -1;
    json_key(w, "items");
    json_open_array(w);
    while (db_next(&q, c->pool, "ssssssii", &package, &version, &who, &tenant, &action, &reason,
                   &times, &last)) {
        const struct account_tenant *t =
            tenant.len > 0 ? account_tenant_by_id(c->accounts, tenant) : NULL;
        json_open(w);
        json_put_text(w, "package", package);
        json_put_text(w, "version", version);
        json_put_text(w, "who", who);
        json_put_str(w, "tenant", t != NULL ? t->slug : NULL);
        json_put_text(w, "action", action);
        json_put_text(w, "reason", reason);
        json_put_int(w, "times", times);
        json_put_time(w, "last_at", last);
        json_close(w);
    }
    json_close_array(w);
    json_put_text(w, "next", TEXT_NONE);
    return q.failed ? -1 : 0;
}

static void get_refusals(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    if (!asked_went_well(c, list_refusals(c, &w, &err), &err))
        return;
    json_close(&w);
    call_json(c, 200, &out);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/api/v1/policy",
     .handle = get_policy,
     .who = WHO_ADMIN,
     .summary = "The platform's rules for packages",
     .answer = "Policy"},
    {.method = "PUT",
     .path = "/api/v1/policy",
     .handle = put_policy,
     .who = WHO_ADMIN,
     .max_body = MAX_RULES,
     .summary = "Replaces the platform's rules for packages",
     .body = "Policy",
     .answer = "Policy"},
    {.method = "GET",
     .path = "/api/v1/policy/refusals",
     .handle = get_refusals,
     .who = WHO_USER,
     .summary = "What rules refused lately, and to whom",
     .answer = "[Refusal]"},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/policy",
     .handle = get_tenant_policy,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "A tenant's own rules for packages, beside the platform's",
     .answer = "Policy"},
    {.method = "PUT",
     .path = "/api/v1/tenants/:tenant/policy",
     .handle = put_tenant_policy,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .max_body = MAX_RULES,
     .summary = "Replaces a tenant's own rules for packages",
     .body = "Policy",
     .answer = "Policy"},
};

int policy_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
