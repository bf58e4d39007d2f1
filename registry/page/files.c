#include "registry/page/page.h"

#include "core/db.h"
#include "core/err.h"
#include "http/call.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/page/contents.h"
#include "registry/page/tarball.h"

#define MAX_SHOWN ((size_t)8 << 20)

static int kept_document(struct registry *registry, struct pool *pool, int64_t id,
                         struct text *document, struct err *err)
{
    static const char sql[] = "SELECT document FROM version_contents WHERE version = ?";
    auto_read struct db_read r = db_read(registry->config.control, err);

    if (r.conn == NULL)
        return -1;
    return db_get(r.conn, pool, err, sql, "i", "s", id, document);
}

/* Read once: what a version holds does not change. The version may be gone meanwhile. */
static int keep_document(struct registry *registry, int64_t id, struct text document,
                         struct err *err)
{
    static const char sql[] = "INSERT INTO version_contents (version, document) SELECT id, ? FROM "
                              "package_version WHERE id = ? ON CONFLICT DO NOTHING";
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, registry->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "si", document, id) < 0)
        return -1;
    return db_commit(&tx, err);
}

static int contents_of(struct call *c, const struct page_tarball *t, struct text *document,
                       struct err *err)
{
    if (t->id != 0) {
        if (kept_document(c->area, c->pool, t->id, document, err) == 0)
            return 0;
        if (err->kind != ERR_NOT_FOUND)
            return -1;
    }
    if (contents_read(c->pool, t->bytes, document, err) != 0)
        return -1;
    return t->id == 0 ? 0 : keep_document(c->area, t->id, *document, err);
}

static void set_headers(struct call *c)
{
    call_set(c, "cache-control", TEXT("private, no-cache"));
    call_set(c, "x-content-type-options", TEXT("nosniff"));
}

static void get_contents(struct call *c)
{
    struct asked a;
    struct err err;
    struct text document = TEXT_NONE;
    auto_tarball struct page_tarball t = {0};

    if (!asked_to_read(c, &a) ||
        !asked_went_well(c, page_tarball_open(c, &a, call_param(c, "version"), &t, &err), &err))
        return;
    set_headers(c);
    if (call_not_modified(c, text_printf(c->pool, "\"%.*s-1\"", TEXT_ARG(t.etag))))
        return;
    if (asked_went_well(c, contents_of(c, &t, &document, &err), &err))
        call_bytes(c, 200, "application/json", document);
}

/* The file's own name for who saves it; what could end or fool the header is left out. */
static struct text saved_as(struct call *c, struct text path)
{
    size_t start = path.len;
    auto_buf struct buf out = {0};

    while (start > 0 && path.base[start - 1] != '/')
        start--;
    buf_init(&out, 512);
    for (size_t i = start; i < path.len && i < start + 100; i++) {
        char ch = path.base[i];
        bool plain = ch > ' ' && ch < 127 && ch != '"' && ch != '\\' && ch != '%' && ch != ';';
        buf_char(&out, plain ? ch : '_');
    }
    return buf_take(&out, c->pool);
}

/* A stranger's bytes on the portal's own host: images alone are shown, in a sandbox without
 * scripts; HTML is text. */
static void get_file(struct call *c)
{
    struct asked a;
    struct err err;
    struct text path = call_param(c, "path"), bytes = TEXT_NONE;
    auto_tarball struct page_tarball t = {0};

    if (!asked_to_read(c, &a) ||
        !asked_went_well(c, page_tarball_open(c, &a, call_param(c, "version"), &t, &err), &err))
        return;
    set_headers(c);
    call_set(c, "content-security-policy",
             TEXT("sandbox; default-src 'none'; style-src 'unsafe-inline'"));
    call_set(c, "cross-origin-resource-policy", TEXT("same-origin"));
    if (!asked_went_well(c, contents_file(c->pool, t.bytes, path, MAX_SHOWN, &bytes, &err), &err))
        return;
    struct contents_kind kind = contents_kind(path, bytes);
    call_set(c, "content-disposition",
             text_printf(c->pool, "%s; filename=\"%.*s\"", kind.image ? "inline" : "attachment",
                         TEXT_ARG(saved_as(c, path))));
    if (!call_not_modified(c, text_printf(c->pool, "\"%.*s\"", TEXT_ARG(t.etag))))
        call_bytes(c, 200, kind.mime, bytes);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/api/v1/packages/:pkg/versions/:version/contents",
     .handle = get_contents,
     .lane = LANE_OUTSIDE,
     .who = WHO_USER,
     .summary = "What a version holds: files, nodes with their look, plugins, examples, icons",
     .answer = "Contents"},
    {.method = "GET",
     .path = "/api/v1/packages/:pkg/versions/:version/files/*path",
     .handle = get_file,
     .lane = LANE_OUTSIDE,
     .who = WHO_USER,
     .summary = "One file of a version: images as such, all else as text or bytes to keep",
     .answer = "application/octet-stream"},
};

int files_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
