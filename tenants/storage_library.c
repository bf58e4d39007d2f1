/* The library and the central context of one instance. */
#include "core/clock.h"
#include "core/db.h"
#include "http/call.h"
#include "http/route.h"
#include "tenants/storage_part.h"

#define LIBRARY_MAX_BODY (8u << 20)
#define LIBRARY_MAX_ENTRIES 10000
#define CONTEXT_MAX_BODY (16u << 20)

/* The library path without slashes at its ends; refuses what is no relative path. */
static int library_path(struct call *c, struct text *path, struct err *err)
{
    struct text p = call_query(c, "path");

    while (p.len > 0 && p.base[0] == '/')
        p = text_sub(p, 1, p.len);
    while (p.len > 0 && p.base[p.len - 1] == '/')
        p.len--;
    struct text rest = p, part;
    while (p.len > 0 && text_cut(&rest, '/', &part))
        if (part.len == 0 || text_is(part, ".") || text_is(part, ".."))
            return err_set(err, ERR_FORBIDDEN, "forbidden", "That is no path inside the library.");
    if (p.len > 1024 || !text_is_printable(p))
        return err_set(err, ERR_INVALID, "bad_path",
                       "The path is too long or holds control characters.");
    *path = p;
    return 0;
}

static void write_listing(struct json_writer *w, struct pool *pool, struct db_rows *q,
                          struct text folder)
{
    struct text path, meta, last = TEXT_NONE;
    size_t skip = folder.len > 0 ? folder.len + 1 : 0;

    while (db_next(q, pool, "ss", &path, &meta)) {
        struct text rest = text_sub(path, skip, path.len);
        size_t slash = text_find(rest, '/', 0);
        if (slash != SIZE_MAX) {
            struct text name = text_sub(rest, 0, slash);
            if (!text_eq(name, last))
                json_text(w, name);
            last = name;
            continue;
        }
        json_open(w);
        json_put_text(w, "fn", rest);
        json_key(w, "meta");
        json_raw(w, meta);
        json_close(w);
    }
}

static int list_library(struct call *c, struct db_conn *conn, struct text type, struct text folder,
                        struct err *err)
{
    static const char sql[] =
        "SELECT path, meta FROM library WHERE instance = ?1 AND type = ?2"
        " AND (?3 = '' OR (path >= ?3 || '/' AND path < ?3 || '0')) ORDER BY path";
    auto_rows struct db_rows q = {0};
    auto_buf struct buf out = {0};
    struct json_writer w;

    if (db_each (&q, conn, err, sql, "zss", c->who->instance, type, folder) != 0)
        return -1;
    buf_init(&out, 8u << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "list");
    json_open_array(&w);
    write_listing(&w, c->pool, &q, folder);
    json_close_array(&w);
    json_close(&w);
    if (q.failed)
        return -1;
    if (folder.len > 0 && out.len <= sizeof("{\"list\":[]}"))
        return err_set(err, ERR_NOT_FOUND, "not_found", "There is no such library entry.");
    call_json(c, 200, &out);
    return 0;
}

static int read_library(struct call *c, struct db_conn *conn, struct err *err)
{
    static const char sql[] =
        "SELECT body, meta FROM library WHERE instance = ? AND type = ? AND path = ?";
    struct text path, body, meta, type = call_param(c, "type");

    if (library_path(c, &path, err) != 0)
        return -1;
    if (db_get(conn, c->pool, err, sql, "zss", "ss", c->who->instance, type, path, &body, &meta) !=
        0) {
        if (err->kind != ERR_NOT_FOUND)
            return -1;
        return list_library(c, conn, type, path, err);
    }
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, 6 * (size_t)LIBRARY_MAX_BODY);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "body", body);
    json_key(&w, "meta");
    json_raw(&w, meta);
    json_close(&w);
    call_json(c, 200, &out);
    return 0;
}

static void get_library(struct call *c)
{
    struct err err;

    if (storage_read(c, read_library, &err) != 0)
        call_fail(c, &err);
}

static int write_library(struct call *c, struct db_conn *conn, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM library WHERE instance = ?";
    static const char sql[] =
        "INSERT INTO library (instance, type, path, meta, body, at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (instance, type, path) DO UPDATE SET meta = excluded.meta, body = "
        "excluded.body,"
        " at = excluded.at";
    const struct json *doc;
    struct text path, body;
    int64_t entries = 0;

    if (library_path(c, &path, err) != 0 || call_json_body(c, &doc, err) != 0 ||
        json_need_text(doc, "body", &body, err) != 0)
        return -1;
    const struct json *meta = json_get(doc, "meta");
    if (path.len == 0)
        return err_set(err, ERR_INVALID, "bad_path", "A library entry needs a name.");
    if (db_get(conn, c->pool, err, count, "z", "i", c->who->instance, &entries) != 0)
        return -1;
    if (entries >= LIBRARY_MAX_ENTRIES)
        return err_set(err, ERR_TOO_LARGE, "library_full",
                       "The library holds %d entries, which is its limit.", LIBRARY_MAX_ENTRIES);
    return db_do(conn, err, sql, "zssssi", c->who->instance, call_param(c, "type"), path,
                 meta != NULL && meta->type == JSON_OBJECT ? meta->raw : TEXT("{}"), body,
                 clock_wall_ms()) < 0
               ? -1
               : 0;
}

static void put_library(struct call *c)
{
    storage_answer_write(c, write_library);
}

static int context_scope(struct call *c, struct text *scope, struct err *err)
{
    *scope = call_query(c, "scope");
    if (scope->len == 0 || scope->len > 256 || !text_is_printable(*scope))
        return err_set(err, ERR_INVALID, "bad_scope", "The query needs a context scope.");
    return 0;
}

static int read_context(struct call *c, struct db_conn *conn, struct err *err)
{
    static const char sql[] = "SELECT key, value FROM context WHERE instance = ? AND scope = ?";
    struct text scope, key, value;
    auto_rows struct db_rows q = {0};
    auto_buf struct buf out = {0};
    struct json_writer w;

    if (context_scope(c, &scope, err) != 0 ||
        db_each (&q, conn, err, sql, "zs", c->who->instance, scope) != 0)
        return -1;
    buf_init(&out, 64u << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "values");
    json_open(&w);
    while (db_next(&q, c->pool, "ss", &key, &value)) {
        json_key_text(&w, key);
        json_raw(&w, value);
    }
    json_close(&w);
    json_close(&w);
    if (q.failed)
        return -1;
    call_json(c, 200, &out);
    return 0;
}

static void get_context(struct call *c)
{
    struct err err;

    if (storage_read(c, read_context, &err) != 0)
        call_fail(c, &err);
}

static int write_context(struct call *c, struct db_conn *conn, struct err *err)
{
    static const char put[] =
        "INSERT INTO context (instance, scope, key, value) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (instance, scope, key) DO UPDATE SET value = excluded.value";
    static const char drop[] = "DELETE FROM context WHERE instance = ? AND scope = ? AND key = ?";
    const struct json *doc;
    struct text scope;

    if (context_scope(c, &scope, err) != 0 || call_json_body(c, &doc, err) != 0)
        return -1;
    json_each (item, json_get(doc, "set")) {
        if (db_do(conn, err, put, "zsss", c->who->instance, scope, item->key, item->raw) < 0)
            return -1;
    }
    json_each (item, json_get(doc, "delete")) {
        if (db_do(conn, err, drop, "zss", c->who->instance, scope, item->text) < 0)
            return -1;
    }
    return 0;
}

static void put_context(struct call *c)
{
    storage_answer_write(c, write_context);
}

static int erase_context(struct call *c, struct db_conn *conn, struct err *err)
{
    static const char sql[] = "DELETE FROM context WHERE instance = ? AND scope = ?";
    struct text scope;

    if (context_scope(c, &scope, err) != 0)
        return -1;
    return db_do(conn, err, sql, "zs", c->who->instance, scope) < 0 ? -1 : 0;
}

static void delete_context(struct call *c)
{
    storage_answer_write(c, erase_context);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/runtime/library/:type",
     .handle = get_library,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .summary = "a library entry, or the listing of a folder"},
    {.method = "PUT",
     .path = "/api/v1/runtime/library/:type",
     .handle = put_library,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .max_body = LIBRARY_MAX_BODY,
     .summary = "writes a library entry"},
    {.method = "GET",
     .path = "/api/v1/runtime/context",
     .handle = get_context,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .summary = "the values of a context scope"},
    {.method = "PUT",
     .path = "/api/v1/runtime/context",
     .handle = put_context,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .max_body = CONTEXT_MAX_BODY,
     .summary = "sets and deletes values of a context scope"},
    {.method = "DELETE",
     .path = "/api/v1/runtime/context",
     .handle = delete_context,
     .who = WHO_INSTANCE,
     .faces = FACE_CARRIER,
     .summary = "erases a context scope"},
};

int storage_library_routes(struct tenants *tenants, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), tenants, err);
}
