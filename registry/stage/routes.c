/* Staged versions for npm and for the API: the same five things, in the shapes of each. */
#include "registry/routes.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/document.h"
#include "registry/otp.h"
#include "registry/publish.h"
#include "registry/stage/show.h"
#include "registry/stage/stage.h"

#define MAX_DOCUMENT (MOST_TARBALL / 2 * 3)
#define MAX_LIST ((size_t)4 << 20)

static struct stage_asker asker_of(struct call *c)
{
    return (struct stage_asker){c->who, c->accounts};
}

static bool find(struct call *c, struct stage *s)
{
    struct stage_asker asker = asker_of(c);
    struct err err;
    return asked_went_well(c, stage_find(c->area, c->pool, &asker, call_param(c, "id"), s, &err),
                           &err);
}

/* A person who may publish it, and has shown a code if they have a second factor: that is what the
 * version waits for. */
static bool find_to_judge(struct call *c, struct stage *s, struct asked *a)
{
    struct err err;
    if (!find(c, s))
        return false;
    *a = (struct asked){.registry = c->area};
    int failed = 0;
    if (!pkgname_split(s->package, &a->name))
        failed = err_set(&err, ERR_NOT_FOUND, "stage_not_found", "There is no such version.");
    if (failed == 0) {
        a->origin = origin_of(a->registry, c->pool, c->accounts, &a->name);
        failed = origin_check_write(a->registry, c->who, &a->origin, s->package, &err);
    }
    return asked_went_well(c, failed, &err) && otp_asked_to_judge(a->registry, c, s->package);
}

/* npm's. */

static void post_stage(struct call *c)
{
    struct asked a;
    struct err err;
    struct json *doc;
    struct text id;
    if (!asked_to_stage(c, &a) ||
        !asked_went_well(c, document_read(c->pool, c->body, &doc, &err), &err))
        return;
    struct publish_request req = {
        .who = c->who, .name = &a.name, .tenant = a.origin.tenant, .doc = doc};
    if (!asked_went_well(c, stage_put(a.registry, c->pool, &req, c->body, &id, &err), &err))
        return;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "stageId", id);
    json_close(&w);
    call_json(c, 201, &out);
}

static int64_t number_of(struct call *c, const char *name, int64_t max, int64_t preset)
{
    int64_t n;
    return text_number(call_query(c, name), 0, max, &n) ? n : preset;
}

static void get_stages(struct call *c)
{
    struct err err;
    struct stage_asker asker = asker_of(c);
    struct stage_page page = {.package = call_query(c, "package"),
                              .most = number_of(c, "perPage", 100, 100)};
    page.from = page.most * number_of(c, "page", 10000, 0);
    if (!asked_went_well(c, stage_list(c->area, c->pool, &asker, &page, &err), &err))
        return;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_LIST);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    json_open_array(&w);
    for (size_t i = 0; i < page.n; i++)
        stage_write_npm(&w, c->pool, &page.items[i]);
    json_close_array(&w);
    json_put_int(&w, "total", page.total);
    json_close(&w);
    call_json(c, 200, &out);
}

static void get_stage(struct call *c)
{
    struct stage s;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (!find(c, &s))
        return;
    buf_init(&out, 64 << 10);
    json_writer_init(&w, &out);
    stage_write_npm(&w, c->pool, &s);
    call_json(c, 200, &out);
}

static void get_tarball(struct call *c)
{
    struct stage s;
    struct err err;
    struct text tarball;
    if (!find(c, &s) || !asked_went_well(c, stage_read(c->area, c->pool, &s, &tarball, &err), &err))
        return;
    call_set(c, "cache-control", TEXT("private, no-store"));
    call_set(c, "x-content-type-options", TEXT("nosniff"));
    call_set(c, "content-disposition", TEXT("attachment; filename=\"package.tgz\""));
    call_bytes(c, 200, "application/octet-stream", tarball);
}

static void approve(struct call *c)
{
    struct stage s;
    struct asked a;
    struct err err;
    struct publish_result result;
    if (!find_to_judge(c, &s, &a))
        return;
    struct publish_request req = {.who = c->who, .name = &a.name, .tenant = a.origin.tenant};
    if (!asked_went_well(c, stage_approve(a.registry, c->pool, &s, &req, &result, &err), &err))
        return;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "name", result.name);
    json_put_text(&w, "version", result.version);
    json_close(&w);
    call_json(c, 200, &out);
}

static void reject(struct call *c)
{
    struct stage s;
    struct asked a;
    struct err err;
    if (find_to_judge(c, &s, &a) &&
        asked_went_well(c, stage_reject(c->area, c->pool, &s, c->who, &err), &err))
        call_empty(c, 204);
}

/* The API's. */

static bool read_tenant(struct call *c, struct text *id)
{
    struct text slug = call_query(c, "tenant");
    struct err err;
    *id = TEXT_NONE;
    if (slug.base == NULL)
        return true;
    const struct account_tenant *t = account_tenant_by_slug(c->accounts, slug);
    if (t != NULL && identity_scopes(c->who, t->id) != 0) {
        *id = text_of(t->id);
        return true;
    }
    err_set(&err, ERR_NOT_FOUND, "not_found", "There is no such tenant.");
    call_fail(c, &err);
    return false;
}

static void list_stages(struct call *c)
{
    struct err err;
    struct stage_asker asker = asker_of(c);
    struct stage_page page = {.package = call_query(c, "package")};
    struct text cursor;
    if (!read_tenant(c, &page.tenant) ||
        !asked_went_well(c, call_page(c, &page.most, &cursor, &err), &err))
        return;
    if (cursor.base != NULL && !text_number(cursor, 0, 1000000, &page.from)) {
        asked_went_well(
            c, err_set(&err, ERR_INVALID, "bad_cursor", "The cursor is not one of this list."),
            &err);
        return;
    }
    if (!asked_went_well(c, stage_list(c->area, c->pool, &asker, &page, &err), &err))
        return;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_LIST);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    json_open_array(&w);
    for (size_t i = 0; i < page.n; i++) {
        json_open(&w);
        stage_write(&w, c->accounts, &page.items[i]);
        json_close(&w);
    }
    json_close_array(&w);
    int64_t end = page.from + (int64_t)page.n;
    json_put_text(&w, "next",
                  end < page.total && page.n > 0 ? text_printf(c->pool, "%lld", (long long)end)
                                                 : TEXT_NONE);
    json_close(&w);
    call_json(c, 200, &out);
}

static void show_stage(struct call *c)
{
    struct stage s;
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (!find(c, &s))
        return;
    buf_init(&out, (size_t)8 << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    stage_write(&w, c->accounts, &s);
    if (!asked_went_well(c, stage_write_inside(&w, c->area, c->pool, &s, &err), &err))
        return;
    json_close(&w);
    call_json(c, 200, &out);
}

static const struct route table[] = {
    {.method = "POST",
     .path = "/npm/-/stage/package/:pkg",
     .handle = post_stage,
     .who = WHO_PUBLISHER,
     .lane = LANE_ARCHIVE,
     .max_body = MAX_DOCUMENT,
     .summary = "npm stage publish: hands a version in for approval"},
    {.method = "GET",
     .path = "/npm/-/stage",
     .handle = get_stages,
     .who = WHO_USER,
     .summary = "npm stage list: what waits for approval"},
    {.method = "GET",
     .path = "/npm/-/stage/:id",
     .handle = get_stage,
     .who = WHO_USER,
     .summary = "npm stage view: one staged version"},
    {.method = "GET",
     .path = "/npm/-/stage/:id/tarball",
     .handle = get_tarball,
     .who = WHO_USER,
     .lane = LANE_READ,
     .summary = "npm stage download: its tarball"},
    {.method = "POST",
     .path = "/npm/-/stage/:id/approve",
     .handle = approve,
     .who = WHO_USER,
     .lane = LANE_ARCHIVE,
     .summary = "npm stage approve: publishes it"},
    {.method = "DELETE",
     .path = "/npm/-/stage/:id",
     .handle = reject,
     .who = WHO_USER,
     .summary = "npm stage reject: removes it"},
    {.method = "GET",
     .path = "/api/v1/stages",
     .handle = list_stages,
     .who = WHO_USER,
     .summary = "versions that wait for approval, newest first",
     .query = "limit cursor tenant package",
     .answer = "[Stage]"},
    {.method = "GET",
     .path = "/api/v1/stages/:id",
     .handle = show_stage,
     .who = WHO_USER,
     .lane = LANE_ARCHIVE,
     .summary = "one of them: what it holds, and how its dependencies differ from the latest",
     .answer = "StageDetail"},
    {.method = "GET",
     .path = "/api/v1/stages/:id/tarball",
     .handle = get_tarball,
     .who = WHO_USER,
     .lane = LANE_READ,
     .summary = "its tarball",
     .answer = "application/octet-stream"},
    {.method = "POST",
     .path = "/api/v1/stages/:id/approve",
     .handle = approve,
     .who = WHO_USER,
     .lane = LANE_ARCHIVE,
     .summary = "publishes it",
     .query = "npm-otp",
     .answer = "StageApproved"},
    {.method = "DELETE",
     .path = "/api/v1/stages/:id",
     .handle = reject,
     .who = WHO_USER,
     .summary = "rejects it: it is gone",
     .query = "npm-otp"},
};

int routes_stage(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
