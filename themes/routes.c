/* The themes of the API: documents in and out. */
#include "core/blob.h"
#include "core/buf.h"
#include "core/json.h"
#include "http/call.h"
#include "http/ready.h"
#include "http/route.h"
#include "themes/document.h"
#include "themes/looks.h"
#include "themes/store.h"

static const char *tenant_of(const struct call *c)
{
    return c->tenant != NULL ? c->tenant->id : "";
}

static void answer_theme(struct call *c, struct themes *themes)
{
    struct layers layers;
    struct err err;
    auto_buf struct buf out = {0};
    struct json_writer w;

    if (store_layers(themes, c->pool, tenant_of(c), &layers, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    buf_init(&out, 2u << 20);
    json_writer_init(&w, &out);
    document_write(&w, &layers, c->tenant != NULL);
    call_json(c, 200, &out);
}

static void get_theme(struct call *c)
{
    answer_theme(c, c->area);
}

/* A JSON document keeps the files that are there already; a bundle brings its own. */
static int parse_body(struct call *c, struct themes *themes, struct theme *theme, struct err *err)
{
    struct layers layers;
    struct json *document = NULL;
    struct text start = text_trim(c->body);

    if (start.len == 0)
        return err_set(err, ERR_INVALID, "empty_body", "Send theme.json or a bundle (.zip, .tgz).");
    if (start.base[0] != '{')
        return theme_parse(c->pool, c->body, theme, err);
    if (c->body.len > THEME_MAX_DOCUMENT)
        return err_set(err, ERR_TOO_LARGE, "file_too_large", "theme.json may have 256 kB.");
    if (store_layers(themes, c->pool, tenant_of(c), &layers, err) != 0 ||
        json_read(c->pool, c->body, 20000, &document, err) != 0)
        return -1;
    *theme = c->tenant != NULL ? layers.own : layers.platform;
    theme->text = c->body;
    theme->document = document;
    if (theme_check(theme, err) != 0)
        return -1;
    for (size_t i = 0; i < theme->n_files; i++) {
        struct theme_file *f = &theme->files[i];
        struct blob_id id;
        if (!blob_from_hex(f->sha512, &id))
            return err_set(err, ERR_INTERNAL, "internal", "A file of the theme has no name.");
        if (blob_read(themes->config.blobs, &id, THEME_MAX_FILE_BYTES, c->pool, &f->content, err) !=
            0)
            return -1;
    }
    return 0;
}

static void put_theme(struct call *c)
{
    struct themes *themes = c->area;
    struct theme theme;
    struct err err;

    if (parse_body(c, themes, &theme, &err) != 0 ||
        store_put(themes, c->pool, tenant_of(c), &theme, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    ready_drop_prefix(themes->config.ready, TEXT("theme:"));
    answer_theme(c, themes);
}

static void delete_theme(struct call *c)
{
    struct themes *themes = c->area;
    struct err err;

    if (store_remove(themes, tenant_of(c), &err) != 0) {
        call_fail(c, &err);
        return;
    }
    ready_drop_prefix(themes->config.ready, TEXT("theme:"));
    call_empty(c, 204);
}

#define THEME_MAX_UPLOAD (20u << 20)

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/theme",
     .handle = get_theme,
     .summary = "the platform's theme",
     .answer = "Theme"},
    {.method = "PUT",
     .path = "/api/v1/theme",
     .handle = put_theme,
     .who = WHO_ADMIN,
     .lane = LANE_ARCHIVE,
     .max_body = THEME_MAX_UPLOAD,
     .summary = "replaces the platform's theme: theme.json or a bundle",
     .body = "ThemeDocument application/zip application/gzip",
     .answer = "Theme"},
    {.method = "DELETE",
     .path = "/api/v1/theme",
     .handle = delete_theme,
     .who = WHO_ADMIN,
     .summary = "back to the product's own look"},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/theme",
     .handle = get_theme,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "a tenant's theme",
     .answer = "Theme"},
    {.method = "PUT",
     .path = "/api/v1/tenants/:tenant/theme",
     .handle = put_theme,
     .who = WHO_MEMBER,
     .scope = SCOPE_THEME_WRITE,
     .lane = LANE_ARCHIVE,
     .max_body = THEME_MAX_UPLOAD,
     .summary = "replaces a tenant's theme: theme.json or a bundle",
     .body = "ThemeDocument application/zip application/gzip",
     .answer = "Theme"},
    {.method = "DELETE",
     .path = "/api/v1/tenants/:tenant/theme",
     .handle = delete_theme,
     .who = WHO_MEMBER,
     .scope = SCOPE_THEME_WRITE,
     .summary = "back to the platform's theme"},
};

int themes_routes(struct themes *themes, struct router *router, struct err *err)
{
    return looks_routes(themes, router, err) != 0
               ? -1
               : router_add(router, routes, sizeof(routes) / sizeof(routes[0]), themes, err);
}
