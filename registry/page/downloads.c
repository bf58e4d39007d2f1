#include "registry/downloads.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/call.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/package.h"
#include "registry/page/page.h"

#define ANSWER_MAX ((size_t)4 << 20)
#define DAYS 30

static int write_downloads(struct call *c, const struct asked *a, struct json_writer *w,
                           struct err *err)
{
    static const char sum_sql[] = "SELECT coalesce(sum(count), 0) FROM package_download"
                                  " WHERE package = ? AND day > ?";
    static const char days_sql[] =
        "SELECT date(day * 86400, 'unixepoch') AS day, sum(count) AS count FROM package_download"
        " WHERE package = ? AND day > ? GROUP BY day ORDER BY day";
    static const char versions_sql[] =
        "SELECT version, sum(count) AS count FROM package_download WHERE package = ? AND day > ?"
        " GROUP BY version ORDER BY count DESC, version LIMIT 200";
    int64_t today = downloads_today(), week = 0, all = 0;
    auto_read struct db_read r = db_read(a->registry->config.control, err);

    if (r.conn == NULL ||
        db_get(r.conn, c->pool, err, sum_sql, "si", "i", a->name.full, today - 7, &week) != 0 ||
        db_get(r.conn, c->pool, err, sum_sql, "si", "i", a->name.full, (int64_t)0, &all) != 0)
        return -1;
    json_open(w);
    json_put_int(w, "total", all);
    json_put_int(w, "week", week);
    json_key(w, "days");
    if (db_json(w, r.conn, err, days_sql, "si", a->name.full, today - DAYS) != 0)
        return -1;
    json_key(w, "versions");
    if (db_json(w, r.conn, err, versions_sql, "si", a->name.full, today - DAYS) != 0)
        return -1;
    json_close(w);
    db_read_end(&r);
    return page_check_known(c, a, (size_t)all, err);
}

static void get_downloads(struct call *c)
{
    struct asked a;
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};

    buf_init(&out, ANSWER_MAX);
    json_writer_init(&w, &out);
    if (asked_to_read(c, &a) &&
        asked_went_well(c, downloads_flush(a.registry->downloads, &err), &err) &&
        asked_went_well(c, write_downloads(c, &a, &w, &err), &err))
        call_json(c, 200, &out);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/api/v1/packages/:pkg/downloads",
     .handle = get_downloads,
     .who = WHO_USER,
     .summary = "How often a package was downloaded from here: in all, by day and by version of "
                "the last 30 days",
     .answer = "Downloads"},
};

int downloads_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
