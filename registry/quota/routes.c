/* Quota and retention of a tenant's packages in the API. */
#include "registry/routes.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/operation.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/quota/quota.h"
#include "registry/quota/retention.h"
#include "registry/stock/stock.h"

#define MOST_BYTES ((int64_t)1 << 50)
#define MOST_VERSIONS 10000000
#define MOST_KEEP 100000
#define MOST_SHOWN 1000
#define MAX_ANSWER ((size_t)1 << 20)

static struct db *control(const struct call *c)
{
    return ((const struct registry *)c->area)->config.control;
}

static void put_limit(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    if (n < 0)
        json_null(w);
    else
        json_int(w, n);
}

static int put_quota(struct call *c, struct json_writer *w, struct err *err)
{
    struct quota q;
    auto_read struct db_read r = db_read(control(c), err);
    if (r.conn == NULL || quota_read(r.conn, c->pool, c->tenant->id, &q, err) != 0)
        return -1;
    json_open(w);
    json_put_int(w, "bytes", q.bytes);
    json_put_int(w, "versions", q.versions);
    put_limit(w, "max_bytes", q.max_bytes);
    put_limit(w, "max_versions", q.max_versions);
    json_close(w);
    return 0;
}

static void get_quota(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (asked_went_well(c, put_quota(c, &w, &err), &err))
        call_json(c, 200, &out);
}

/* null or missing: -1. */
static int read_limit(const struct json *doc, const char *key, int64_t most, int64_t *out,
                      struct err *err)
{
    *out = -1;
    if (json_want_int(doc, key, out, err) != 0)
        return -1;
    const struct json *given = json_get(doc, key);
    if (given != NULL && given->type != JSON_NULL && (*out < 0 || *out > most))
        return err_set(err, ERR_UNPROCESSABLE, "bad_limit",
                       "%s is a number from 0 to %lld, or null.", key, (long long)most);
    return 0;
}

static int set_quota(struct call *c, struct err *err)
{
    const struct json *doc;
    int64_t bytes, versions;
    auto_tx struct db_tx tx = {0};
    if (call_json_body(c, &doc, err) != 0 ||
        read_limit(doc, "max_bytes", MOST_BYTES, &bytes, err) != 0 ||
        read_limit(doc, "max_versions", MOST_VERSIONS, &versions, err) != 0 ||
        db_begin(&tx, control(c), err) != 0 ||
        quota_set(tx.conn, c->tenant->id, bytes, versions, c->who->name, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

static void put_quota_route(struct call *c)
{
    struct err err;
    if (asked_went_well(c, set_quota(c, &err), &err))
        get_quota(c);
}

/* The rule, and what it would take now. */
static int put_retention(struct call *c, struct json_writer *w, struct err *err)
{
    struct retention rule;
    struct retention_item *list;
    {
        auto_read struct db_read r = db_read(control(c), err);
        if (r.conn == NULL || retention_read(r.conn, c->pool, c->tenant->id, &rule, err) != 0)
            return -1;
    }
    if (retention_find(c->area, c->pool, c->tenant->id, MOST_SHOWN, &list, err) != 0)
        return -1;
    json_open(w);
    put_limit(w, "keep", rule.keep);
    put_limit(w, "days", rule.days);
    json_key(w, "due");
    json_open_array(w);
    for (; list != NULL; list = list->next) {
        json_open(w);
        json_put_text(w, "package", list->package);
        json_put_text(w, "version", list->version);
        json_put_int(w, "bytes", list->bytes);
        json_put_time(w, "published_at", list->published_ms);
        json_close(w);
    }
    json_close_array(w);
    json_close(w);
    return 0;
}

static void get_retention(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (asked_went_well(c, put_retention(c, &w, &err), &err))
        call_json(c, 200, &out);
}

static int set_retention(struct call *c, struct err *err)
{
    const struct json *doc;
    struct retention rule;
    auto_tx struct db_tx tx = {0};
    if (call_json_body(c, &doc, err) != 0 ||
        read_limit(doc, "keep", MOST_KEEP, &rule.keep, err) != 0 ||
        read_limit(doc, "days", MOST_KEEP, &rule.days, err) != 0 ||
        db_begin(&tx, control(c), err) != 0 ||
        retention_set(tx.conn, c->tenant->id, &rule, c->who->name, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

static void put_retention_route(struct call *c)
{
    struct err err;
    if (asked_went_well(c, set_retention(c, &err), &err))
        get_retention(c);
}

static void post_retention(struct call *c)
{
    struct registry *registry = c->area;
    struct stock_spec spec = {
        .kind = STOCK_RETENTION, .user = c->who->user, .tenant = c->tenant->id};
    char operation[27];
    struct err err;
    if (asked_went_well(c, stock_begin(registry->stock, &spec, operation, &err), &err))
        operation_answer(registry->config.operations, c, operation);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/quota",
     .handle = get_quota,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "What a tenant's packages take, and what they may",
     .answer = "PackageQuota"},
    {.method = "PUT",
     .path = "/api/v1/tenants/:tenant/quota",
     .handle = put_quota_route,
     .who = WHO_ADMIN,
     .summary = "Says what a tenant's packages may take",
     .body = "NewPackageQuota",
     .answer = "PackageQuota"},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/retention",
     .handle = get_retention,
     .lane = LANE_ARCHIVE,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "Which pre-releases stay, and which would go now",
     .answer = "PackageRetention"},
    {.method = "PUT",
     .path = "/api/v1/tenants/:tenant/retention",
     .handle = put_retention_route,
     .lane = LANE_ARCHIVE,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN | SCOPE_PACKAGE_PUBLISH,
     .summary = "Says which pre-releases stay; the others go with the next daily run",
     .body = "NewPackageRetention",
     .answer = "PackageRetention"},
    {.method = "POST",
     .path = "/api/v1/tenants/:tenant/retention",
     .handle = post_retention,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN | SCOPE_PACKAGE_PUBLISH,
     .summary = "Removes now what is due; an operation",
     .answer = "Started",
     .status = 202},
};

int routes_quota(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
