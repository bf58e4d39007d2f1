#include "tenants/inspect.h"

#include "core/db.h"
#include "core/file.h"
#include "core/json.h"
#include "http/account.h"
#include "http/call.h"
#include "http/route.h"
#include "tenants/document.h"
#include "tenants/instance.h"
#include "tenants/routes.h"
#include "tenants/store.h"
#include "tenants/tenants.h"

#define TEMPLATE_MAX ((size_t)64 << 10)
#define SHOWN_MAX ((size_t)8 << 20)

/* settings.js */

/* The document as JSON; what a start adds (token, keys, the credential secret) is not in it. */
static int shown_document(struct call *c, const struct instance *row, struct text *out,
                          struct err *err)
{
    const struct tenants_config *config = &((struct tenants *)c->area)->config;
    struct text theme;
    auto_buf struct buf text = {0};
    struct json_writer w;

    buf_init(&text, SHOWN_MAX);
    if (config->theme_json(config->theme_arg, c->pool, text_c(c->pool, row->tenant),
                           text_c(c->pool, row->name), &theme, err) != 0)
        return -1;
    json_writer_init(&w, &text);
    json_open(&w);
    document_put(&w, c->pool, config, row, theme);
    json_close(&w);
    *out = buf_take(&text, c->pool);
    return 0;
}

/* The fixed text of the plugins with the document as one string in it: nothing that a person wrote
 * is code. */
static int render(struct call *c, struct text document, struct buf *out, struct err *err)
{
    static const char mark[] = "\"@DOCUMENT@\"";
    const struct tenants_config *config = &((struct tenants *)c->area)->config;
    const char *path = pool_printf(c->pool, "%s/plugins/%s/launcher/settings.template.js",
                                   config->data_dir, config->plugins);
    auto_buf struct buf file = {0};
    struct json_writer w;

    buf_init(&file, TEMPLATE_MAX);
    if (file_read(path, TEMPLATE_MAX, &file, err) != 0)
        return -1;
    struct text whole = buf_view(&file);
    size_t at = 0;
    while (at < whole.len && !text_starts(text_sub(whole, at, whole.len), mark))
        at++;
    if (at == whole.len)
        return err_set(err, ERR_INTERNAL, "internal", "%s has no place for the document.", path);
    buf_text(out, text_sub(whole, 0, at));
    json_writer_init(&w, out);
    json_text(&w, document);
    buf_text(out, text_sub(whole, at + sizeof(mark) - 1, whole.len));
    return buf_failed(out) ? err_set(err, ERR_TOO_LARGE, "settings_too_large",
                                     "The settings of this instance are too large.")
                           : 0;
}

static void get_settings(struct call *c)
{
    struct instance found;
    struct text document;
    struct err err;
    auto_buf struct buf out = {0};

    buf_init(&out, 2 * SHOWN_MAX);
    if (routes_instance(c, SCOPE_INSTANCE_CONTROL, &found, &err) != 0 ||
        shown_document(c, &found, &document, &err) != 0 || render(c, document, &out, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    call_set(c, "content-disposition", TEXT("attachment; filename=\"settings.js\""));
    call_set(c, "x-content-type-options", TEXT("nosniff"));
    call_set(c, "cache-control", TEXT("no-store"));
    call_bytes(c, 200, "text/javascript; charset=utf-8", buf_take(&out, c->pool));
}

/* Revisions. */

static int write_revisions(struct call *c, const struct instance *row, struct json_writer *w,
                           struct err *err)
{
    static const char sql[] =
        "SELECT number AS number, rev AS rev, author AS author, at AS \"at@\", bytes AS bytes,"
        " nodes AS nodes"
        " FROM revision WHERE instance = ? AND number < ? ORDER BY number DESC LIMIT ?";
    static const char rest[] = "SELECT min(number), count(*) FROM (SELECT number FROM revision"
                               " WHERE instance = ? AND number < ? ORDER BY number DESC LIMIT ?)";
    struct tenants *tenants = c->area;
    struct text cursor;
    int64_t limit, before = INT64_MAX, last = 0, n = 0;

    if (call_page(c, &limit, &cursor, err) != 0)
        return -1;
    if (cursor.len > 0 && !text_number(cursor, 1, INT64_MAX, &before))
        return err_set(err, ERR_INVALID, "bad_cursor", "The cursor is not one of this list.");
    auto_loan struct store_loan loan =
        store_borrow(tenants->store, text_c(c->pool, row->tenant), err);
    if (loan.db == NULL)
        return -1;
    auto_read struct db_read r = db_read(loan.db, err);
    json_key(w, "items");
    if (r.conn == NULL || db_json(w, r.conn, err, sql, "sii", row->id, before, limit) != 0 ||
        db_get(r.conn, c->pool, err, rest, "sii", "ii", row->id, before, limit + 1, &last, &n) != 0)
        return -1;
    /* One more was asked for: if it is there the list goes on, before the one that precedes it. */
    json_put_text(w, "next",
                  n > limit ? text_printf(c->pool, "%lld", (long long)last + 1) : TEXT_NONE);
    return 0;
}

static void get_revisions(struct call *c)
{
    struct instance found;
    struct err err;
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, (size_t)1 << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    if (routes_instance(c, SCOPE_EDITOR_READ, &found, &err) != 0 ||
        write_revisions(c, &found, &w, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    json_close(&w);
    call_json(c, 200, &out);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/instances/:instance/settings.js",
     .handle = get_settings,
     .who = WHO_USER,
     .summary = "the settings.js of an instance, without its secrets",
     .answer = "text/javascript"},
    {.method = "GET",
     .path = "/api/v1/instances/:instance/revisions",
     .handle = get_revisions,
     .who = WHO_USER,
     .summary = "the deploys of an instance, newest first",
     .query = "limit cursor",
     .answer = "[Revision]"},
};

int inspect_routes(struct tenants *tenants, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), tenants, err);
}
