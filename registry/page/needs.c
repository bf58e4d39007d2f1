/* What a version needs, and which packages here need it. */
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/call.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/package.h"
#include "registry/page/page.h"

#define MOST_NEEDED_BY 500
#define ANSWER_MAX ((size_t)4 << 20)

static const char *const kinds[] = {"dependencies", "optionalDependencies", "peerDependencies"};

static void put_needs(struct json_writer *w, const struct json *version)
{
    json_key(w, "needs");
    json_open_array(w);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        json_each (need, json_get(version, kinds[i])) {
            if (need->type != JSON_STRING)
                continue;
            json_open(w);
            json_put_text(w, "name", need->key);
            json_put_text(w, "range", need->text);
            json_put_str(w, "kind", kinds[i]);
            json_close(w);
        }
    json_close_array(w);
}

static int read_version(struct call *c, const struct asked *a, struct db_conn *conn,
                        struct json **version, struct err *err)
{
    static const char sql[] =
        "SELECT abbreviated FROM package_version WHERE package = ?1 AND version = coalesce(?2, "
        "(SELECT latest FROM package WHERE name = ?1))";
    struct text text, which = call_query(c, "version");

    if (db_get(conn, c->pool, err, sql, "ss", "s", a->name.full, which.len > 0 ? which : TEXT_NONE,
               &text) != 0)
        return err->kind != ERR_NOT_FOUND
                   ? -1
                   : err_set(err, ERR_NOT_FOUND, "version_not_found",
                             "There is no such version of \"%.*s\".", TEXT_ARG(a->name.full));
    return json_read(c->pool, text, JSON_MAX_NODES, version, err);
}

/* Only the names that the asker may know of. */
static bool may_see(struct call *c, const struct asked *a, struct text name)
{
    struct pkgname split;

    if (!pkgname_split(name, &split))
        return false;
    struct origin origin = origin_of(a->registry, c->pool, c->accounts, &split);
    return origin.kind != ORIGIN_NOBODY && origin_may_read(a->registry, c->who, &origin);
}

static int put_needed_by(struct call *c, const struct asked *a, struct db_conn *conn,
                         struct json_writer *w, size_t *told, struct err *err)
{
    /* By its text first: taking each row's JSON apart would cost ten times as much. */
    static const char sql[] =
        "SELECT n.package, e.value ->> 0, e.value ->> 2 FROM package_need AS n, json_each(n.needs) "
        "AS e WHERE instr(n.needs, ',' || json_quote(?1) || ',') > 0 AND e.value ->> 1 = ?1 "
        "ORDER BY 1, 2";
    struct text name, kind, range;
    size_t n = 0;
    auto_rows struct db_rows q = {0};

    if (db_each (&q, conn, err, sql, "s", a->name.full) != 0)
        return -1;
    json_key(w, "needed_by");
    json_open_array(w);
    while (n < MOST_NEEDED_BY && db_next(&q, c->pool, "sss", &name, &kind, &range)) {
        if (!may_see(c, a, name))
            continue;
        json_open(w);
        json_put_text(w, "name", name);
        json_put_text(w, "range", range);
        json_put_text(w, "kind", kind);
        json_close(w);
        n++;
    }
    json_close_array(w);
    json_put_bool(w, "more", n == MOST_NEEDED_BY);
    *told = n;
    return q.failed ? -1 : 0;
}

static int write_needs(struct call *c, const struct asked *a, struct json_writer *w,
                       struct err *err)
{
    struct json *version = NULL;
    size_t told = 0;
    auto_read struct db_read r = db_read(a->registry->config.control, err);

    if (r.conn == NULL)
        return -1;
    if (a->origin.kind != ORIGIN_PUBLIC && read_version(c, a, r.conn, &version, err) != 0)
        return -1;
    json_open(w);
    put_needs(w, version);
    if (put_needed_by(c, a, r.conn, w, &told, err) != 0)
        return -1;
    json_close(w);
    db_read_end(&r);
    return page_check_known(c, a, told, err);
}

static void get_needs(struct call *c)
{
    struct asked a;
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};

    buf_init(&out, ANSWER_MAX);
    json_writer_init(&w, &out);
    if (asked_to_read(c, &a) && asked_went_well(c, write_needs(c, &a, &w, &err), &err))
        call_json(c, 200, &out);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/api/v1/packages/:pkg/needs",
     .handle = get_needs,
     .who = WHO_USER,
     .summary =
         "What the latest version needs (or ?version=), and whose latest version here needs it",
     .query = "version",
     .answer = "Needs"},
};

int needs_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
