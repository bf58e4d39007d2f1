/* The store's runs and their reports, as the operator asks for them. */
#include "registry/routes.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/operation.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/stock/stock.h"

#define DAY_SECONDS (24 * 3600)
#define MOST_OLDER ((int64_t)10 * 365 * DAY_SECONDS)

static void begin(struct call *c, struct stock_spec *spec)
{
    struct registry *registry = c->area;
    char operation[27];
    struct err err;
    spec->user = c->who->user;
    if (asked_went_well(c, stock_begin(registry->stock, spec, operation, &err), &err))
        operation_answer(registry->config.operations, c, operation);
}

static void post_verify(struct call *c)
{
    struct stock_spec spec = {.kind = STOCK_VERIFY};
    begin(c, &spec);
}

static int read_gc(struct call *c, struct stock_spec *spec, struct err *err)
{
    const struct json *doc;
    int64_t older = DAY_SECONDS;
    if (call_json_body(c, &doc, err) != 0 ||
        json_want_int(doc, "older_seconds", &older, err) != 0 ||
        json_want_bool(doc, "dry_run", &spec->dry_run, err) != 0)
        return -1;
    if (older < 0 || older > MOST_OLDER)
        return err_set(err, ERR_UNPROCESSABLE, "bad_older",
                       "older_seconds is a number of seconds from 0.");
    spec->older_ms = older * 1000;
    return 0;
}

static void post_gc(struct call *c)
{
    struct stock_spec spec = {.kind = STOCK_GC};
    struct err err;
    if (asked_went_well(c, read_gc(c, &spec, &err), &err))
        begin(c, &spec);
}

static int read_report(struct call *c, struct text *report, struct err *err)
{
    static const char sql[] = "SELECT document FROM stock_report WHERE kind = ?";
    struct registry *registry = c->area;
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, c->pool, NULL, sql, "s", "s", call_param(c, "kind"), report) != 0)
        return err_set(err, ERR_NOT_FOUND, "report_not_found",
                       "There is no such report: nothing of the kind has run yet.");
    return 0;
}

static void get_report(struct call *c)
{
    struct err err;
    struct text report = TEXT_NONE;
    if (asked_went_well(c, read_report(c, &report, &err), &err))
        call_bytes(c, 200, "application/json", report);
}

static const struct route table[] = {
    {.method = "POST",
     .path = "/api/v1/registry/verify",
     .handle = post_verify,
     .who = WHO_ADMIN,
     .summary = "Hashes every blob anew and compares every row with its blob; an operation",
     .answer = "Started",
     .status = 202},
    {.method = "POST",
     .path = "/api/v1/registry/gc",
     .handle = post_gc,
     .who = WHO_ADMIN,
     .summary = "Removes blobs that nobody needs; an operation",
     .body = "RegistryGc",
     .answer = "Started",
     .status = 202},
    {.method = "GET",
     .path = "/api/v1/registry/reports/:kind",
     .handle = get_report,
     .who = WHO_ADMIN,
     .summary = "What the last run found or removed: verify, gc",
     .answer = "RegistryReport"},
};

int routes_stock(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
