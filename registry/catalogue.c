#include "registry/catalogue.h"

#include "core/db.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/call.h"
#include "http/hosts.h"
#include "http/ready.h"
#include "http/route.h"
#include "registry/area.h"

#define CATALOGUE_MAX ((size_t)32 << 20)
#define MIME "application/json"

/* The list is Node-RED's own format; see its "flow-catalogue". A version with build metadata breaks
 * the editor's comparison, so it is left out. A missing updated_at would show as "NaN". */
static const char modules_sql[] =
    "SELECT p.name AS id, p.latest AS version, p.description AS description, p.keywords AS "
    "\"keywords!\","
    " p.types AS \"types!\", v.published_at AS \"updated_at@\", ?2 || '/ui/packages/' || p.name AS "
    "url,"
    " v.deprecated AS deprecated"
    " FROM package AS p JOIN package_version AS v ON v.package = p.name AND v.version = p.latest"
    " WHERE (p.tenant = ?1 OR p.tenant IS NULL) AND v.node_red IS NOT NULL AND instr(p.latest, "
    "'+') = 0"
    " ORDER BY p.name LIMIT 5000";

static int build(void *arg, struct pool *pool, struct text key, struct text *body, struct err *err)
{
    static const char newest[] =
        "SELECT coalesce(max(modified_at), 0) FROM package WHERE tenant = ? OR tenant IS NULL";
    struct registry *registry = arg;
    struct text rest = key, prefix;
    auto_buf struct buf out = {0};
    struct json_writer w;
    int64_t updated = 0;

    text_cut(&rest, ':', &prefix);
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL || db_get(r.conn, pool, err, newest, "s", "i", rest, &updated) != 0)
        return -1;
    buf_init(&out, CATALOGUE_MAX);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "name", "Your organisation");
    json_put_time(&w, "updated_at", updated > 0 ? updated : 1);
    json_key(&w, "modules");
    if (db_json(&w, r.conn, err, modules_sql, "sz", rest, registry->config.public_url) != 0)
        return -1;
    json_close(&w);
    if (buf_failed(&out))
        return err_set(err, ERR_TOO_LARGE, "catalogue_too_large", "The catalogue is too large.");
    *body = buf_take(&out, pool);
    return 0;
}

static struct text key_of(struct call *c)
{
    return text_printf(c->pool, "npm catalogue:%s", c->instance->tenant);
}

static bool may_read(struct call *c)
{
    return c->instance != NULL && identity_may(c->who, c->instance->tenant, SCOPE_EDITOR_READ);
}

static bool catalogue_ready(struct call *c)
{
    struct registry *registry = c->area;

    return may_read(c) && ready_answer(registry->config.ready, c, key_of(c), MIME);
}

static void get_catalogue(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;

    if (c->instance == NULL ||
        call_require(c, c->instance->tenant, SCOPE_EDITOR_READ, false, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    ready_build(registry->config.ready, c, key_of(c), MIME, build, registry);
}

void catalogue_changed(struct registry *registry, const char *tenant)
{
    auto_pool struct pool *pool = pool_new();

    ready_drop_prefix(registry->config.ready,
                      text_printf(pool, "npm catalogue:%s", tenant != NULL ? tenant : ""));
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/.redhouse/catalogue.json",
     .handle = get_catalogue,
     .faces = FACE_EDITOR,
     .summary = "the palette catalogue of this instance",
     .ready = catalogue_ready},
};

int catalogue_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), registry, err);
}
