/* The platform's own routes: the portal's files, events, the platform object, OpenAPI. */
#include "core/buf.h"
#include "core/codec.h"
#include "core/digest.h"
#include "core/embedded.h"
#include "core/json.h"
#include "http/call.h"
#include "http/events.h"
#include "http/route.h"
#include "server/app_part.h"
#include "server/config.h"
#include "server/openapi.h"

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
    openapi_write(&out, app->router, app->public_url);
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

static void send_file(struct call *c, const struct embedded *file)
{
    unsigned char hash[SHA256_BYTES];

    sha256(text_n(file->bytes, file->len), hash);
    call_set(c, "content-security-policy",
             TEXT("default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
                  "object-src 'none';"
                  " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"));
    call_set(c, "x-content-type-options", TEXT("nosniff"));
    call_set(c, "referrer-policy", TEXT("same-origin"));
    call_set(c, "cache-control", TEXT("no-cache"));
    if (!call_not_modified(
            c, text_printf(c->pool, "\"%.*s\"", TEXT_ARG(hex_encode(c->pool, hash, 16)))))
        call_bytes(c, 200, type_of(file), text_n(file->bytes, file->len));
}

static void get_asset(struct call *c)
{
    const struct embedded *file =
        find_file(text_printf(c->pool, "assets/%.*s", TEXT_ARG(call_param(c, "file"))));
    struct err err;

    if (file != NULL) {
        send_file(c, file);
        return;
    }
    err_set(&err, ERR_NOT_FOUND, "not_found", "There is no such file.");
    call_fail(c, &err);
}

/* Every view has an address of its own; the script looks at it. */
static void get_page(struct call *c)
{
    const struct embedded *file = find_file(TEXT("index.html"));
    struct err err;

    if (file != NULL) {
        send_file(c, file);
        return;
    }
    err_set(&err, ERR_INTERNAL, "no_portal", "This binary was built without the portal.");
    call_fail(c, &err);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/events",
     .handle = get_events,
     .who = WHO_USER,
     .summary = "what happens, as server-sent events"},
    {.method = "GET",
     .path = "/api/v1/platform",
     .handle = get_platform,
     .summary = "names and addresses"},
    {.method = "GET",
     .path = "/api/v1/openapi.json",
     .handle = get_openapi,
     .summary = "this API as OpenAPI 3.1"},
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
