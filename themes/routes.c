/* The themes of the API, and what an instance's host serves of them. */
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
#include "themes/token.h"

#include <unistd.h>

#define CSS_MAX (1u << 20)

static void write_theme(struct json_writer *w, const struct layers *layers, bool own)
{
    const struct theme *theme =
        own && layers->own.text.base != NULL ? &layers->own : &layers->platform;

    json_open(w);
    json_put_str(w, "from",
                 theme == &layers->own      ? "tenant"
                 : theme->text.base != NULL ? "platform"
                                            : "product");
    json_put_text(w, "version", theme->version);
    json_put_time(w, "updated_at", theme->updated_at);
    json_key(w, "theme");
    json_raw(w, theme->text.base != NULL ? theme->document->raw : TEXT("{}"));
    json_key(w, "files");
    json_open_array(w);
    for (size_t i = 0; i < theme->n_files; i++) {
        json_open(w);
        json_put_text(w, "name", theme->files[i].name);
        json_put_text(w, "type", theme->files[i].type);
        json_put_int(w, "bytes", theme->files[i].bytes);
        json_close(w);
    }
    json_close_array(w);
    json_key(w, "tokens");
    json_open_array(w);
    for (size_t i = 0; i < token_count; i++) {
        json_open(w);
        json_put_str(w, "name", token_table[i].name);
        json_put_str(w, "kind",
                     token_table[i].kind == TOKEN_COLOR  ? "color"
                     : token_table[i].kind == TOKEN_FONT ? "font"
                                                         : "length");
        json_put_str(w, "light", token_table[i].light);
        json_put_str(w, "dark", token_table[i].dark);
        json_close(w);
    }
    json_close_array(w);
    json_close(w);
}

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
    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    write_theme(&w, &layers, c->tenant != NULL);
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
        auto_close int fd = -1;
        struct blob_id id;
        uint64_t bytes;
        if (!blob_from_hex(f->sha512, &id) ||
            blob_open(themes->config.blobs, &id, &fd, &bytes, err) != 0)
            return -1;
        char *content = pool_alloc(c->pool, bytes + 1);
        if (pread(fd, content, bytes, 0) != (ssize_t)bytes)
            return err_errno(err, "A file of the theme cannot be read");
        f->content = text_n(content, bytes);
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

static struct text look_key(struct call *c)
{
    return text_printf(c->pool, "theme:look:%s", tenant_of(c));
}

static struct text editor_key(struct call *c)
{
    return text_printf(c->pool, "theme:editor:%s", c->instance != NULL ? c->instance->tenant : "");
}

static bool look_ready(struct call *c)
{
    return ready_answer(((struct themes *)c->area)->config.ready, c, look_key(c),
                        "text/css; charset=utf-8");
}

static void look_build(struct call *c)
{
    struct themes *themes = c->area;

    ready_build(themes->config.ready, c, look_key(c), "text/css; charset=utf-8", build_css, themes);
}

static bool editor_ready(struct call *c)
{
    return ready_answer(((struct themes *)c->area)->config.ready, c, editor_key(c),
                        "text/css; charset=utf-8");
}

static void editor_build(struct call *c)
{
    struct themes *themes = c->area;

    ready_build(themes->config.ready, c, editor_key(c), "text/css; charset=utf-8", build_css,
                themes);
}

/* The look of the tenant whose slug is asked for; the login page has no session yet, and a look
 * tells nothing. */
static void get_tenant_look(struct call *c)
{
    struct err err;

    c->tenant = account_tenant_by_slug(c->accounts, call_param(c, "slug"));
    if (c->tenant != NULL) {
        look_build(c);
        return;
    }
    err_set(&err, ERR_NOT_FOUND, "tenant_not_found", "There is no such tenant.");
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
    file = theme_file(&layers.own, name);
    if (file == NULL)
        file = theme_file(&layers.platform, name);
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
    struct err err;
    const struct account_tenant *tenant =
        account_tenant_by_slug(c->accounts, call_param(c, "slug"));

    if (tenant == NULL) {
        err_set(&err, ERR_NOT_FOUND, "tenant_not_found", "There is no such tenant.");
        call_fail(c, &err);
        return;
    }
    send_file(c, tenant->id, call_param(c, "file"), true);
}

static void get_platform_file(struct call *c)
{
    send_file(c, "", call_param(c, "file"), true);
}

#define THEME_MAX_UPLOAD (20u << 20)

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/theme",
     .handle = get_theme,
     .summary = "the platform's theme"},
    {.method = "PUT",
     .path = "/api/v1/theme",
     .handle = put_theme,
     .who = WHO_ADMIN,
     .lane = LANE_ARCHIVE,
     .max_body = THEME_MAX_UPLOAD,
     .summary = "replaces the platform's theme: theme.json or a bundle"},
    {.method = "DELETE",
     .path = "/api/v1/theme",
     .handle = delete_theme,
     .who = WHO_ADMIN,
     .summary = "back to the product's own look"},
    {.method = "GET",
     .path = "/api/v1/theme.css",
     .handle = look_build,
     .summary = "the platform's typed tokens as CSS variables",
     .ready = look_ready},
    {.method = "GET",
     .path = "/api/v1/theme/files/:file",
     .handle = get_platform_file,
     .summary = "an image of the platform's theme"},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/theme",
     .handle = get_theme,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "a tenant's theme"},
    {.method = "PUT",
     .path = "/api/v1/tenants/:tenant/theme",
     .handle = put_theme,
     .who = WHO_MEMBER,
     .scope = SCOPE_THEME_WRITE,
     .lane = LANE_ARCHIVE,
     .max_body = THEME_MAX_UPLOAD,
     .summary = "replaces a tenant's theme: theme.json or a bundle"},
    {.method = "DELETE",
     .path = "/api/v1/tenants/:tenant/theme",
     .handle = delete_theme,
     .who = WHO_MEMBER,
     .scope = SCOPE_THEME_WRITE,
     .summary = "back to the platform's theme"},
    {.method = "GET",
     .path = "/api/v1/looks/:slug/theme.css",
     .handle = get_tenant_look,
     .summary = "a tenant's typed tokens as CSS variables, for its login page"},
    {.method = "GET",
     .path = "/api/v1/looks/:slug/files/:file",
     .handle = get_tenant_file,
     .summary = "an image of a tenant's theme"},
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

int themes_routes(struct themes *themes, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), themes, err);
}
