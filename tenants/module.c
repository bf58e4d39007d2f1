#include "tenants/module.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "http/account.h"
#include "http/call.h"
#include "http/route.h"
#include "tenants/instance.h"
#include "tenants/routes.h"
#include "tenants/storage_part.h"
#include "tenants/tenants.h"

#include <stdlib.h>

#define REPORT_MAX ((size_t)2 << 20)
#define ANSWER_MAX ((size_t)16 << 20)
#define NAME_MAX_LEN 214
#define VERSION_MAX_LEN 128
#define TYPE_MAX_LEN 200

/* The form of a report */

static bool all_of(struct text t, const char *signs)
{
    for (size_t i = 0; i < t.len; i++) {
        char c = t.base[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || strchr(signs, c) == NULL))
            return false;
    }
    return t.len > 0;
}

static bool is_name(struct text name)
{
    struct text rest = name, scope;

    if (name.len > NAME_MAX_LEN)
        return false;
    if (name.len == 0 || name.base[0] != '@')
        return all_of(name, "._~-");
    rest = text_sub(name, 1, name.len);
    return text_cut(&rest, '/', &scope) && all_of(scope, "._~-") && all_of(rest, "._~-");
}

/* Not more than the form: three numbers, and what may stand behind them. */
static bool is_version(struct text version)
{
    unsigned numbers = 0;
    size_t at = 0;

    if (version.len > VERSION_MAX_LEN || !all_of(version, ".+-"))
        return false;
    while (numbers < 3 && at < version.len) {
        size_t start = at;
        while (at < version.len && version.base[at] >= '0' && version.base[at] <= '9')
            at++;
        if (at == start || (++numbers < 3 && (at == version.len || version.base[at++] != '.')))
            return false;
    }
    return numbers == 3 &&
           (at == version.len || version.base[at] == '-' || version.base[at] == '+');
}

static int bad(struct err *err, const char *what)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_module", "The list of modules has %s.", what);
}

int module_read(const struct json *item, struct module *out, struct err *err)
{
    const struct json *types = json_get(item, "types");

    *out = (struct module){.types = TEXT("[]")};
    if (json_need_text(item, "name", &out->name, err) != 0 ||
        json_need_text(item, "version", &out->version, err) != 0 ||
        json_want_text(item, "pending_version", &out->pending_version, err) != 0 ||
        json_want_bool(item, "direct", &out->direct, err) != 0)
        return -1;
    if (!is_name(out->name))
        return bad(err, "a name that is none of a package");
    if (!is_version(out->version) ||
        (out->pending_version.base != NULL && !is_version(out->pending_version)))
        return bad(err, "a version that is none");
    if (types == NULL || types->type == JSON_NULL)
        return 0;
    if (types->type != JSON_ARRAY || types->count > MODULE_TYPES_MAX)
        return bad(err, "node types that are no list, or too many");
    json_each (type, types)
        if (type->type != JSON_STRING || type->text.len > TYPE_MAX_LEN ||
            !text_is_printable(type->text))
            return bad(err, "a node type that is none");
    out->types = types->raw;
    return 0;
}

/* Taking a report */

static int compare(const void *a, const void *b)
{
    const struct module *one = a, *two = b;
    int names = text_cmp(one->name, two->name);

    return names != 0 ? names : text_cmp(one->version, two->version);
}

struct report {
    struct module *all;
    size_t n;
    unsigned char digest[SHA256_BYTES];
};

/* In the order of names; the first of two alike stays. */
static int read_report(struct call *c, struct report *report, struct err *err)
{
    const struct json *doc, *list;
    size_t kept = 0;

    if (call_json_body(c, &doc, err) != 0)
        return -1;
    list = json_get(doc, "modules");
    if (list == NULL || list->type != JSON_ARRAY)
        return bad(err, "no \"modules\"");
    if (list->count > MODULES_MAX)
        return bad(err, "more entries than are taken");
    report->all = pool_zalloc(c->pool, (list->count + 1) * sizeof(*report->all));
    json_each (item, list)
        if (module_read(item, &report->all[report->n++], err) != 0)
            return -1;
    qsort(report->all, report->n, sizeof(*report->all), compare);
    for (size_t i = 0; i < report->n; i++)
        if (kept == 0 || compare(&report->all[kept - 1], &report->all[i]) != 0)
            report->all[kept++] = report->all[i];
    report->n = kept;
    sha256(list->raw, report->digest);
    return 0;
}

static int is_news(struct db_conn *conn, struct call *c, const struct report *report, bool *news,
                   struct err *err)
{
    static const char sql[] = "SELECT digest FROM instance_report WHERE instance = ?";
    struct text digest = TEXT_NONE;

    if (db_get(conn, c->pool, err, sql, "z", "b", c->who->instance, &digest) != 0 &&
        err->kind != ERR_NOT_FOUND)
        return -1;
    *news = !text_eq(digest, text_n(report->digest, sizeof(report->digest)));
    return 0;
}

static int write_report(struct db_conn *conn, const struct call *c, const struct report *report,
                        struct err *err)
{
    static const char clear[] = "DELETE FROM instance_module WHERE instance = ?";
    static const char insert[] = "INSERT INTO instance_module (instance, name, version, "
                                 "pending_version, direct, types) VALUES (?, ?, ?, ?, ?, ?)";
    static const char note[] = "INSERT INTO instance_report (instance, digest, at) VALUES (?, ?, ?)"
                               " ON CONFLICT (instance) DO UPDATE SET digest = excluded.digest,"
                               " at = excluded.at";

    if (db_do(conn, err, clear, "z", c->who->instance) < 0)
        return -1;
    for (size_t i = 0; i < report->n; i++) {
        const struct module *m = &report->all[i];
        if (db_do(conn, err, insert, "zsssis", c->who->instance, m->name, m->version,
                  m->pending_version, (int64_t)m->direct, m->types) < 0)
            return -1;
    }
    return db_do(conn, err, note, "zbi", c->who->instance,
                 text_n(report->digest, sizeof(report->digest)), clock_wall_ms()) < 0
               ? -1
               : 0;
}

static int keep_report(struct call *c, const struct report *report, struct err *err)
{
    struct tenants *tenants = c->area;
    bool news = false;
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, tenants->config.control, err) != 0 ||
        is_news(tx.conn, c, report, &news, err) != 0)
        return -1;
    if (!news)
        return 0;
    return write_report(tx.conn, c, report, err) != 0 ? -1 : db_commit(&tx, err);
}

static int of_this_start(struct call *c, struct db_conn *conn, struct err *err)
{
    (void)c, (void)conn, (void)err;
    return 0;
}

static void put_modules(struct call *c)
{
    struct report report = {0};
    struct err err;

    if (read_report(c, &report, &err) != 0 || storage_read(c, of_this_start, &err) != 0 ||
        keep_report(c, &report, &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

/* Showing it */

static int list_modules(struct call *c, const struct instance *instance, struct json_writer *w,
                        struct err *err)
{
    static const char at[] = "SELECT at FROM instance_report WHERE instance = ?";
    static const char sql[] =
        "SELECT name, version, pending_version, direct AS \"direct?\", types AS \"types!\""
        " FROM instance_module WHERE instance = ? ORDER BY name, version";
    struct tenants *tenants = c->area;
    int64_t reported = 0;
    auto_read struct db_read r = db_read(tenants->config.control, err);

    if (r.conn == NULL ||
        (db_get(r.conn, c->pool, err, at, "s", "i", instance->id, &reported) != 0 &&
         err->kind != ERR_NOT_FOUND))
        return -1;
    json_open(w);
    json_put_time(w, "reported_at", reported);
    json_key(w, "items");
    if (db_json(w, r.conn, err, sql, "s", instance->id) != 0)
        return -1;
    json_close(w);
    return 0;
}

static void get_modules(struct call *c)
{
    struct instance instance;
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};

    buf_init(&out, ANSWER_MAX);
    json_writer_init(&w, &out);
    if (routes_instance(c, 0, &instance, &err) != 0 || list_modules(c, &instance, &w, &err) != 0)
        call_fail(c, &err);
    else
        call_json(c, 200, &out);
}

int module_users(struct tenants *tenants, struct pool *pool, const struct module_query *query,
                 struct err *err)
{
#define USERS                                                                                      \
    "SELECT m.name, i.slug, i.tenant, m.version, m.pending_version, m.direct FROM instance_module" \
    " AS m JOIN instance AS i ON i.id = m.instance WHERE i.desired <> 'removed' AND (?2 IS NULL"   \
    " OR i.tenant IN (SELECT value FROM json_each(?2))) AND "
    static const char sql[] = USERS "m.name = ?1 ORDER BY i.slug, m.version LIMIT ?3";
    static const char all_sql[] = USERS "?1 IS NULL ORDER BY m.name, m.version, i.slug LIMIT ?3";
#undef USERS
    struct module_user user;
    int64_t direct = 0;
    auto_read struct db_read r = {0};
    auto_rows struct db_rows q = {0};

    if (query->conn == NULL)
        r = db_read(tenants->config.control, err);
    struct db_conn *conn = query->conn != NULL ? query->conn : r.conn;
    if (conn == NULL || db_each (&q, conn, err, query->package.base != NULL ? sql : all_sql, "ssi",
                                 query->package, query->tenants, query->limit) != 0)
        return -1;
    while (db_next(&q, pool, "sssssi", &user.package, &user.instance, &user.tenant, &user.version,
                   &user.pending_version, &direct)) {
        user.direct = direct != 0;
        if (!query->each(query->arg, &user))
            break;
    }
    return q.failed ? -1 : 0;
}

static const struct route routes[] = {
    {.method = "PUT",
     .path = "/api/v1/runtime/modules",
     .handle = put_modules,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .max_body = REPORT_MAX,
     .summary = "the packages that this instance has"},
    {.method = "GET",
     .path = "/api/v1/instances/:instance/modules",
     .handle = get_modules,
     .who = WHO_USER,
     .summary = "the packages of an instance, as its runtime last told",
     .answer = "Modules"},
};

int module_routes(struct tenants *tenants, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), tenants, err);
}
