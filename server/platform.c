/* The platform's own routes: the portal's files, events, the platform object, OpenAPI. */
#include "core/buf.h"
#include "core/codec.h"
#include "core/digest.h"
#include "core/embedded.h"
#include "core/json.h"
#include "http/account.h"
#include "http/call.h"
#include "http/events.h"
#include "http/hosts.h"
#include "http/route.h"
#include "server/app_part.h"
#include "server/config.h"
#include "server/openapi.h"

#include <string.h>

extern const struct embedded web_files[];

static void get_events(struct call *c)
{
    struct app *app = c->area;

    events_serve(app->events, c);
}

static void get_platform(struct call *c)
{
    struct app *app = c->area;
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "name", "Redhouse");
    json_put_str(&w, "version", REDHOUSE_VERSION);
    json_put_str(&w, "domain", app->config->domain);
    json_put_str(&w, "instance_domain", app->config->instance_domain);
    json_put_str(&w, "public_url", app->public_url);
    json_put_text(&w, "registry_url", text_printf(c->pool, "%s/npm/", app->public_url));
    json_put_str(&w, "default_stack", app->config->default_stack);
    json_close(&w);
    call_json(c, 200, &out);
}

static void get_openapi(struct call *c)
{
    struct app *app = c->area;
    auto_buf struct buf out = {0};

    buf_init(&out, 4u << 20);
    openapi_write(&out, app->router, app->public_url, app->cookie);
    call_json(c, 200, &out);
}

static void get_health(struct call *c)
{
    call_bytes(c, 200, "text/plain", TEXT("ok\n"));
}

/* The portal. */

static const struct {
    const char *ending, *type;
} types[] = {{".html", "text/html; charset=utf-8"},
             {".js", "text/javascript; charset=utf-8"},
             {".css", "text/css; charset=utf-8"},
             {".svg", "image/svg+xml"},
             {".png", "image/png"},
             {".json", "application/json"},
             {".woff2", "font/woff2"}};

static const struct embedded *find_file(struct text name)
{
    for (const struct embedded *e = web_files; e->name != NULL; e++)
        if (text_is(name, e->name))
            return e;
    return NULL;
}

static const char *type_of(const struct embedded *file)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (text_ends(text_of(file->name), types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}

static void send(struct call *c, const char *type, const char *cached, struct text bytes)
{
    unsigned char hash[SHA256_BYTES];

    sha256(bytes, hash);
    call_set(c, "content-security-policy",
             TEXT("default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
                  "object-src 'none';"
                  " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"));
    call_set(c, "x-content-type-options", TEXT("nosniff"));
    call_set(c, "referrer-policy", TEXT("same-origin"));
    call_set(c, "cache-control", text_of(cached));
    if (!call_not_modified(
            c, text_printf(c->pool, "\"%.*s\"", TEXT_ARG(hex_encode(c->pool, hash, 16)))))
        call_bytes(c, 200, type, bytes);
}

static void get_asset(struct call *c)
{
    const struct embedded *file =
        find_file(text_printf(c->pool, "assets/%.*s", TEXT_ARG(call_param(c, "file"))));
    struct err err;

    if (file != NULL) {
        send(c, type_of(file), "no-cache", text_n(file->bytes, file->len));
        return;
    }
    err_set(&err, ERR_NOT_FOUND, "not_found", "There is no such file.");
    call_fail(c, &err);
}

/* The tenant whose view this is, as far as the address says it. */
static const struct account_tenant *tenant_of_view(struct call *c)
{
    struct app *app = c->area;
    struct text rest = call_param(c, "rest"), kind, name;
    const struct account_tenant *tenant = NULL;

    if (!text_cut(&rest, '/', &kind) || !text_cut(&rest, '/', &name))
        return NULL;
    if (text_is(kind, "tenants"))
        return account_tenant_by_slug(c->accounts, name);
    if (text_is(kind, "packages") && name.len > 1 && name.base[0] == '@')
        return account_tenant_by_slug(c->accounts, text_sub(name, 1, name.len));
    if (!text_is(kind, "instances"))
        return NULL;
    struct snapshot *hosts = hosts_take(app->hosts);
    const struct host_entry *entry =
        hosts_find(hosts, text_printf(c->pool, "%.*s.%s", TEXT_ARG(text_lower(c->pool, name)),
                                      app->config->instance_domain));
    if (entry != NULL)
        tenant = account_tenant_by_id(c->accounts, text_of(entry->tenant));
    snapshot_drop(hosts);
    return tenant;
}

/* The host of an instance that a login leads to; absent if it leads to none. */
static struct text host_of_login(struct call *c)
{
    struct app *app = c->area;
    struct text to = call_query(c, "to");

    if (!text_starts(to, "http://") && !text_starts(to, "https://"))
        return TEXT_NONE;
    to = text_sub(to, text_starts(to, "https://") ? 8 : 7, to.len);
    to = text_sub(to, 0, text_find(to, '/', 0));
    struct text host = text_lower(c->pool, text_sub(to, 0, text_find(to, ':', 0)));
    struct snapshot *hosts = hosts_take(app->hosts);
    bool is = hosts_find(hosts, host) != NULL;
    snapshot_drop(hosts);
    return is ? host : TEXT_NONE;
}

/* The sheet that this page wears above the platform's; absent if none. It stands in the page, so
 * that its first picture has the right colours already. */
static struct text look_of(struct call *c)
{
    struct text host = text_is(c->path, "/login") ? host_of_login(c) : TEXT_NONE;

    if (host.base != NULL)
        return text_printf(c->pool, "/api/v1/looks/%.*s/theme.css", TEXT_ARG(host));
    const struct account_tenant *tenant = tenant_of_view(c);
    if (tenant == NULL || c->who->must_change ||
        !identity_may(c->who, tenant->id, SCOPE_TENANT_READ))
        return TEXT_NONE;
    return text_printf(c->pool, "/api/v1/tenants/%s/theme.css", tenant->slug);
}

/* Every view has an address of its own; the script looks at it. */
static void get_page(struct call *c)
{
    const struct embedded *file = find_file(TEXT("index.html"));
    struct err err;

    if (file == NULL) {
        err_set(&err, ERR_INTERNAL, "no_portal", "This binary was built without the portal.");
        call_fail(c, &err);
        return;
    }
    struct text page = text_n(file->bytes, file->len), look = look_of(c);
    const char *end = memmem(file->bytes, file->len, "</head>", 7);
    if (look.base != NULL && end != NULL) {
        struct text head = text_sub(page, 0, (size_t)(end - page.base));
        struct text tail = text_sub(page, head.len, page.len);
        page = text_printf(c->pool, "%.*s<link id=\"look\" rel=\"stylesheet\" href=\"%.*s\" />%.*s",
                           TEXT_ARG(head), TEXT_ARG(look), TEXT_ARG(tail));
    }
    send(c, type_of(file), "private, no-cache", page);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/events",
     .handle = get_events,
     .who = WHO_USER,
     .summary = "what happens, as server-sent events",
     .query = "last-event-id",
     .answer = "text/event-stream"},
    {.method = "GET",
     .path = "/api/v1/platform",
     .handle = get_platform,
     .summary = "names and addresses",
     .answer = "Platform"},
    {.method = "GET",
     .path = "/api/v1/openapi.json",
     .handle = get_openapi,
     .summary = "this API as OpenAPI 3.1",
     .answer = "OpenApi"},
    {.method = "GET",
     .path = "/.redhouse/health",
     .handle = get_health,
     .summary = "200 while it serves"},
    {.method = "GET",
     .path = "/assets/:file",
     .handle = get_asset,
     .summary = "a file of the portal"},
    {.method = "GET", .path = "/", .handle = get_page, .summary = "the portal"},
    {.method = "GET", .path = "/login", .handle = get_page, .summary = "the portal's login"},
    {.method = "GET", .path = "/ui/*rest", .handle = get_page, .summary = "the portal's views"},
};

int platform_routes(struct app *app, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), app, err);
}
