#include "registry/catalogue/catalogue.h"

#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/call.h"
#include "http/hosts.h"
#include "http/ready.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/catalogue/pick.h"
#include "registry/downloads.h"
#include "registry/jsonscan.h"
#include "registry/policy/policy.h"
#include "registry/policy/serve.h"

#define CATALOGUE_MAX ((size_t)32 << 20)
#define MIME "application/json"
#define MOST_MODULES 5000 /* of one kind */

/* One row of the list, which is Node-RED's own format; see its "flow-catalogue". A version with
 * build metadata breaks the editor's comparison, so it is left out. A missing updated_at would show
 * as "NaN". */
struct module {
    struct text id, version, description, keywords, types, url, deprecated, note, badge;
    int64_t updated, week;
};

/* The editor shows the description and nothing of ours: what somebody wrote beside it stands in it
 * too. */
static struct text described(struct pool *pool, const struct module *m)
{
    struct text t = m->description;

    if (m->note.len > 0)
        t = text_printf(pool, "%.*s%s%.*s", TEXT_ARG(m->note), t.len > 0 ? " · " : "", TEXT_ARG(t));
    if (m->badge.len > 0)
        t = text_printf(pool, "[%.*s] %.*s", TEXT_ARG(m->badge), TEXT_ARG(t));
    return t;
}

static void put_module(struct json_writer *w, struct pool *pool, const struct module *m)
{
    json_open(w);
    json_put_text(w, "id", m->id);
    json_put_text(w, "version", m->version);
    json_put_text(w, "description", described(pool, m));
    json_key(w, "keywords");
    json_raw(w, m->keywords);
    json_key(w, "types");
    json_raw(w, m->types);
    json_put_time(w, "updated_at", m->updated > 0 ? m->updated : 1);
    json_put_text(w, "url", m->url);
    json_put_text(w, "deprecated", m->deprecated);
    json_key(w, "downloads");
    json_open(w);
    json_put_int(w, "week", m->week);
    json_close(w);
    if (m->note.len > 0)
        json_put_text(w, "note", m->note);
    if (m->badge.len > 0)
        json_put_text(w, "badge", m->badge);
    json_close(w);
}

#define WEEK                                                                                       \
    "(SELECT coalesce(sum(count), 0) FROM package_download AS d WHERE d.package = p.name AND "     \
    "d.day > ?3)"

static const char own_sql[] =
    "SELECT p.name, p.latest, p.description, p.keywords, p.types, ?2 || '/ui/packages/' || p.name,"
    " v.deprecated, '', '', v.published_at, " WEEK
    " FROM package AS p JOIN package_version AS v ON v.package = p.name AND v.version = p.latest"
    " WHERE (p.tenant = ?1 OR p.tenant IS NULL) AND v.node_red IS NOT NULL"
    " AND instr(p.latest, '+') = 0 ORDER BY p.name LIMIT 5000";

/* The tenant's picks before the platform's; of both the tenant's says what stands beside it. */
static const char picked_sql[] =
    "SELECT p.name, p.version, p.description, p.keywords, p.types, coalesce(p.url, ?2),"
    " p.deprecated, k.note, k.badge, p.updated_at, " WEEK
    " FROM catalogue_pick AS k JOIN catalogue_public AS p ON p.name = k.name"
    " WHERE (k.tenant = ?1 OR (k.tenant = '' AND NOT EXISTS (SELECT 1 FROM catalogue_pick AS o"
    " WHERE o.tenant = ?1 AND o.name = k.name))) AND p.version IS NOT NULL"
    " AND instr(p.version, '+') = 0 AND NOT EXISTS (SELECT 1 FROM package WHERE name = k.name)"
    " ORDER BY k.tenant = '', k.position, k.name";

/* A catalogue as one tenant's instances are offered it; lives in the call's pool. */
struct offer {
    struct registry *registry;
    const char *tenant; /* id */
    struct policy_view own, public;
};

static void look(struct call *c, struct registry *registry, const char *tenant, struct offer *o)
{
    struct identity who = {.kind = IDENTITY_INSTANCE, .tenant = tenant};
    struct origin own = {ORIGIN_TENANT, tenant}, public = {ORIGIN_PUBLIC, NULL};

    *o = (struct offer){.registry = registry, .tenant = tenant};
    policy_look(registry, c->pool, &who, &own, &o->own);
    policy_look(registry, c->pool, &who, &public, &o->public);
}

/* The version that rules leave, which an install will get; absent: none. */
static struct text left_of(const struct offer *o, struct pool *pool, const struct module *m,
                           bool own)
{
    struct asked asked = {.registry = o->registry,
                          .origin = {own ? ORIGIN_TENANT : ORIGIN_PUBLIC, own ? o->tenant : NULL}};
    const struct policy_view *view = own ? &o->own : &o->public;
    struct serve s = {&asked, view, view->full ? PACKUMENT_FULL : PACKUMENT_ABBREVIATED};
    struct text tags;

    if (view->n == 0 || !pkgname_split(m->id, &asked.name) ||
        serve_tags(pool, &s, &tags, NULL) != 0)
        return m->version;
    struct text latest = jsonscan_get(tags, "latest");
    return latest.base != NULL ? jsonscan_string(latest) : TEXT_NONE;
}

/* Rows are read first and judged afterwards: judging reads on its own. */
struct modules {
    struct module *all;
    size_t n;
};

static int read_modules(const struct offer *o, struct pool *pool, struct db_conn *conn, bool own,
                        struct modules *out, struct err *err)
{
    struct module m;
    auto_rows struct db_rows q = {0};

    *out = (struct modules){.all = pool_alloc(pool, MOST_MODULES * sizeof *out->all)};
    if (db_each (&q, conn, err, own ? own_sql : picked_sql, "zzi", o->tenant,
                 o->registry->config.public_url, downloads_today() - 7) != 0)
        return -1;
    while (out->n < MOST_MODULES &&
           db_next(&q, pool, "sssssssssii", &m.id, &m.version, &m.description, &m.keywords,
                   &m.types, &m.url, &m.deprecated, &m.note, &m.badge, &m.updated, &m.week))
        out->all[out->n++] = m;
    return q.failed ? -1 : 0;
}

static void put_modules(const struct offer *o, struct pool *pool, struct json_writer *w, bool own,
                        struct modules *modules)
{
    for (size_t i = 0; i < modules->n; i++) {
        struct module *m = &modules->all[i];
        m->version = left_of(o, pool, m, own);
        if (m->version.base != NULL)
            put_module(w, pool, m);
    }
}

static int read_all(const struct offer *o, struct pool *pool, struct modules *own,
                    struct modules *picked, int64_t *updated, struct err *err)
{
    static const char newest[] =
        "SELECT max(coalesce((SELECT max(modified_at) FROM package WHERE tenant = ?1 OR tenant IS "
        "NULL), 0), coalesce((SELECT max(max(k.added_at, p.updated_at)) FROM catalogue_pick AS k"
        " JOIN catalogue_public AS p ON p.name = k.name WHERE k.tenant IN ('', ?1)), 0))";
    auto_read struct db_read r = db_read(o->registry->config.control, err);

    return r.conn == NULL || db_get(r.conn, pool, err, newest, "z", "i", o->tenant, updated) != 0 ||
                   read_modules(o, pool, r.conn, true, own, err) != 0 ||
                   read_modules(o, pool, r.conn, false, picked, err) != 0
               ? -1
               : 0;
}

static int put_all(const struct offer *o, struct pool *pool, struct json_writer *w, struct err *err)
{
    struct modules own, picked;
    int64_t updated = 0;

    if (read_all(o, pool, &own, &picked, &updated, err) != 0)
        return -1;
    json_open(w);
    json_put_str(w, "name", "Your organisation");
    json_put_time(w, "updated_at", updated > 0 ? updated : 1);
    json_key(w, "modules");
    json_open_array(w);
    put_modules(o, pool, w, true, &own);
    put_modules(o, pool, w, false, &picked);
    json_close_array(w);
    json_close(w);
    return 0;
}

static int build(void *arg, struct pool *pool, struct text key, struct text *body, struct err *err)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, CATALOGUE_MAX);
    json_writer_init(&w, &out);
    if (put_all(arg, pool, &w, err) != 0)
        return -1;
    if (buf_failed(&out))
        return err_set(err, ERR_TOO_LARGE, "catalogue_too_large", "The catalogue is too large.");
    *body = buf_take(&out, pool);
    return 0;
}

static struct text key_of(struct call *c, const struct offer *o)
{
    return text_printf(c->pool, "npm catalogue:%s %.*s%.*s", o->tenant, TEXT_ARG(o->own.key),
                       TEXT_ARG(o->public.key));
}

void catalogue_answer(struct registry *registry, struct call *c, const char *tenant)
{
    struct offer o;

    look(c, registry, tenant, &o);
    ready_build(registry->config.ready, c, key_of(c, &o), MIME, build, &o);
}

static bool may_read(struct call *c)
{
    return c->instance != NULL && identity_may(c->who, c->instance->tenant, SCOPE_EDITOR_READ);
}

static bool catalogue_ready(struct call *c)
{
    struct registry *registry = c->area;
    struct offer o;

    if (!may_read(c))
        return false;
    look(c, registry, c->instance->tenant, &o);
    return ready_answer(registry->config.ready, c, key_of(c, &o), MIME);
}

static void get_catalogue(struct call *c)
{
    struct err err;

    if (c->instance == NULL ||
        call_require(c, c->instance->tenant, SCOPE_EDITOR_READ, false, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    catalogue_answer(c->area, c, c->instance->tenant);
}

static void get_own(struct call *c)
{
    catalogue_answer(c->area, c, c->tenant->id);
}

static int tenant_of_key(struct call *c, struct text *tenant, struct err *err)
{
    static const char sql[] = "SELECT tenant FROM catalogue_key WHERE hash = ?";
    struct registry *registry = c->area;
    unsigned char hash[SHA256_BYTES];
    auto_read struct db_read r = db_read(registry->config.control, err);

    sha256(call_param(c, "key"), hash);
    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, c->pool, err, sql, "b", "s", text_n(hash, sizeof hash), tenant) == 0 &&
        account_tenant_by_id(c->accounts, *tenant) != NULL)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "catalogue_not_found",
                   "There is no such catalogue: its address may have been made anew.");
}

/* The editor that asks stands on a host of its own: its page may read the answer, and sends neither
 * cookie nor token. */
static void get_elsewhere(struct call *c)
{
    struct text tenant = TEXT_NONE;
    struct err err;

    call_set(c, "access-control-allow-origin", TEXT("*"));
    call_set(c, "cross-origin-resource-policy", TEXT("cross-origin"));
    call_set(c, "referrer-policy", TEXT("no-referrer"));
    if (tenant_of_key(c, &tenant, &err) != 0)
        call_fail(c, &err);
    else
        catalogue_answer(c->area, c, text_c(c->pool, tenant));
}

void catalogue_changed(struct registry *registry, const char *tenant)
{
    auto_pool struct pool *pool = pool_new();

    ready_drop_prefix(registry->config.ready, tenant != NULL
                                                  ? text_printf(pool, "npm catalogue:%s ", tenant)
                                                  : TEXT("npm catalogue:"));
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/.redhouse/catalogue.json",
     .handle = get_catalogue,
     .faces = FACE_EDITOR,
     .summary = "the palette catalogue of this instance",
     .ready = catalogue_ready},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/catalogue",
     .handle = get_own,
     .who = WHO_MEMBER,
     .scope = SCOPE_PACKAGE_READ,
     .summary = "a tenant's palette catalogue, as Node-RED reads it",
     .answer = "Catalogue"},
    {.method = "GET",
     .path = "/catalogue/:key/catalogue.json",
     .handle = get_elsewhere,
     .summary = "a tenant's palette catalogue for Node-REDs elsewhere, by its key"},
};

int catalogue_routes(struct registry *registry, struct router *router, struct err *err)
{
    if (router_add(router, routes, sizeof(routes) / sizeof(routes[0]), registry, err) != 0)
        return -1;
    return pick_routes(registry, router, err);
}
