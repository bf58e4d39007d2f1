#include "themes/looks.h"

#include "core/blob.h"
#include "core/buf.h"
#include "core/json.h"
#include "http/account.h"
#include "http/call.h"
#include "http/hosts.h"
#include "http/ready.h"
#include "http/route.h"
#include "themes/css.h"
#include "themes/store.h"

#include <unistd.h>

#define CSS_MAX (1u << 20)

/* Style sheets: ready bytes. Keys: "theme:look:TENANT", "theme:editor:TENANT". */

static int build_css(void *arg, struct pool *pool, struct text key, struct text *body,
                     struct err *err)
{
    struct themes *themes = arg;
    struct text rest = key, part, kind, tenant;
    struct layers layers;
    auto_buf struct buf out = {0};

    text_cut(&rest, ':', &part);
    text_cut(&rest, ':', &kind);
    tenant = rest;
    buf_init(&out, CSS_MAX + THEME_MAX_FILE_BYTES);
    if (store_layers(themes, pool, text_c(pool, tenant), &layers, err) != 0)
        return -1;
    if (text_is(kind, "look")) {
        css_look(&out, &layers);
        *body = buf_take(&out, pool);
        return 0;
    }
    css_editor(&out, &layers);
    const struct theme *whose = NULL;
    const struct json *css = layers_get(&layers, "css", &whose);
    const struct theme_file *file = css != NULL ? theme_file(whose, css->text) : NULL;
    struct blob_id id;
    auto_close int fd = -1;
    uint64_t bytes = 0;
    if (file != NULL && blob_from_hex(file->sha512, &id) &&
        blob_open(themes->config.blobs, &id, &fd, &bytes, err) == 0) {
        char *room = buf_reserve(&out, bytes);
        if (room != NULL && pread(fd, room, bytes, 0) == (ssize_t)bytes)
            buf_grew(&out, bytes);
    }
    *body = buf_take(&out, pool);
    return 0;
}

static struct text key_of(struct call *c, const char *kind, const char *tenant)
{
    return text_printf(c->pool, "theme:%s:%s", kind, tenant != NULL ? tenant : "");
}

static bool answer_ready(struct call *c, struct text key)
{
    struct themes *themes = c->area;

    /* One address shows what was saved last; a tenant's is not for caches that others share. */
    call_set(c, "cache-control", TEXT("private, no-cache"));
    return ready_answer(themes->config.ready, c, key, "text/css; charset=utf-8");
}

static void build(struct call *c, struct text key)
{
    struct themes *themes = c->area;

    call_set(c, "cache-control", TEXT("private, no-cache"));
    ready_build(themes->config.ready, c, key, "text/css; charset=utf-8", build_css, themes);
}

static struct text look_key(struct call *c)
{
    return key_of(c, "look", c->tenant != NULL ? c->tenant->id : NULL);
}

static bool look_ready(struct call *c)
{
    return answer_ready(c, look_key(c));
}

static void look_build(struct call *c)
{
    build(c, look_key(c));
}

static struct text editor_key(struct call *c)
{
    return key_of(c, "editor", c->instance != NULL ? c->instance->tenant : NULL);
}

static bool editor_ready(struct call *c)
{
    return answer_ready(c, editor_key(c));
}

static void editor_build(struct call *c)
{
    build(c, editor_key(c));
}

/* Absent: no instance has this host, which whoever goes there is told as well. */
static struct text host_key(struct call *c)
{
    struct themes *themes = c->area;
    struct snapshot *hosts = hosts_take(themes->config.hosts);
    const struct host_entry *entry = hosts_find(hosts, text_lower(c->pool, call_param(c, "host")));
    struct text key = entry != NULL ? key_of(c, "look", entry->tenant) : TEXT_NONE;

    snapshot_drop(hosts);
    return key;
}

static bool host_ready(struct call *c)
{
    struct text key = host_key(c);

    return key.base != NULL && answer_ready(c, key);
}

static void host_build(struct call *c)
{
    struct text key = host_key(c);
    struct err err;

    if (key.base != NULL) {
        build(c, key);
        return;
    }
    err_set(&err, ERR_NOT_FOUND, "no_instance", "There is no such instance.");
    call_fail(c, &err);
}

static void send_file(struct call *c, const char *tenant, struct text name, bool images_only)
{
    struct themes *themes = c->area;
    struct layers layers;
    const struct theme_file *file;
    struct blob_id id;
    struct err err;
    int fd = -1;
    uint64_t bytes = 0;

    if (store_layers(themes, c->pool, tenant, &layers, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    /* The address says whose file it means; both may have one of that name. */
    bool below =
        layers.platform.version.len > 0 && text_eq(call_query(c, "v"), layers.platform.version);
    file = theme_file(below ? &layers.platform : &layers.own, name);
    if (file == NULL)
        file = theme_file(below ? &layers.own : &layers.platform, name);
    if (file == NULL || (images_only && !theme_is_image(file->type))) {
        err_set(&err, ERR_NOT_FOUND, "no_file", "The theme has no such file.");
        call_fail(c, &err);
        return;
    }
    if (!blob_from_hex(file->sha512, &id) ||
        blob_open(themes->config.blobs, &id, &fd, &bytes, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    /* An SVG opened by its own address is a document: nothing in it may run or load. */
    call_set(c, "content-security-policy",
             TEXT("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
    call_set(c, "x-content-type-options", TEXT("nosniff"));
    call_set(c, "cache-control",
             call_query(c, "v").len > 0 ? TEXT("private, max-age=31536000, immutable")
                                        : TEXT("private, max-age=60"));
    call_file(c, text_c(c->pool, file->type), fd, bytes,
              text_printf(c->pool, "\"%.*s\"", 32, file->sha512.base));
}

static void get_editor_file(struct call *c)
{
    send_file(c, c->instance != NULL ? c->instance->tenant : "", call_param(c, "file"), false);
}

static void get_tenant_file(struct call *c)
{
    send_file(c, c->tenant->id, call_param(c, "file"), true);
}

static void get_platform_file(struct call *c)
{
    send_file(c, "", call_param(c, "file"), true);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/theme.css",
     .handle = look_build,
     .summary = "the platform's typed tokens as CSS variables",
     .answer = "text/css",
     .ready = look_ready},
    {.method = "GET",
     .path = "/api/v1/theme/files/:file",
     .handle = get_platform_file,
     .summary = "an image of the platform's theme",
     .answer = "image/*"},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/theme.css",
     .handle = look_build,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "a tenant's typed tokens as CSS variables, for its views in the portal",
     .answer = "text/css",
     .ready = look_ready},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/theme/files/:file",
     .handle = get_tenant_file,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "an image of a tenant's theme, or of what it inherits",
     .answer = "image/*"},
    {.method = "GET",
     .path = "/api/v1/looks/:host/theme.css",
     .handle = host_build,
     .summary = "typed tokens as the waiting page of an instance's host has them, for the login "
                "on the way there",
     .answer = "text/css",
     .ready = host_ready},
    {.method = "GET",
     .path = "/.redhouse/theme.css",
     .handle = editor_build,
     .faces = FACE_EDITOR,
     .summary = "the current theme of this instance's editor",
     .ready = editor_ready},
    {.method = "GET",
     .path = "/.redhouse/theme/:file",
     .handle = get_editor_file,
     .faces = FACE_EDITOR,
     .summary = "a file of this instance's theme"},
};

int looks_routes(struct themes *themes, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), themes, err);
}
