#include "core/codec.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/catalogue/clash.h"
#include "registry/change.h"
#include "registry/document.h"
#include "registry/package.h"
#include "registry/packument.h"
#include "registry/publish.h"
#include "registry/routes.h"
#include "registry/star.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)
/* The largest tarball as base64 and its manifest, or a packument with all its versions. */
#define MAX_DOCUMENT (MOST_TARBALL / 2 * 3)

/* {"ok":true,"success":true,"id":…} */
static void answer_ok(struct call *c, int status, const struct asked *a)
{
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_bool(&w, "ok", true);
    json_put_bool(&w, "success", true);
    json_put_text(&w, "id", a->name.full);
    json_close(&w);
    call_json(c, status, &out);
}

static void answer_change(struct call *c, const struct asked *a, int failed, const struct err *err)
{
    if (asked_went_well(c, failed, err))
        answer_ok(c, 200, a);
}

/* What the client prints beside its own success. */
static void set_notice(struct call *c, const struct asked *a, const struct publish_result *result)
{
    struct text clash =
        clash_notice(a->registry, c->pool, a->origin.tenant, result->name, result->version);
    struct text back = TEXT("");
    if (result->latest_was.base != NULL)
        back = text_printf(c->pool, "The tag latest moved back from %.*s to %.*s.",
                           TEXT_ARG(result->latest_was), TEXT_ARG(result->version));
    if (back.len + clash.len > 0)
        call_set(c, "npm-notice",
                 text_printf(c->pool, "%.*s%s%.*s", TEXT_ARG(back),
                             back.len > 0 && clash.len > 0 ? " " : "", TEXT_ARG(clash)));
}

static void publish(struct call *c, const struct asked *a, struct pool *pool,
                    const struct json *doc)
{
    struct err err;
    struct publish_result result;
    struct publish_request request = {
        .who = c->who, .name = &a->name, .tenant = a->origin.tenant, .doc = doc};
    if (!asked_went_well(c, publish_document(a->registry, pool, &request, &result, &err), &err))
        return;
    set_notice(c, a, &result);
    answer_ok(c, result.again ? 200 : 201, a);
}

static int refuse_other(struct err *err)
{
    return err_set(
        err, ERR_UNPROCESSABLE, "bad_document",
        "The document carries neither a version with its tarball nor anything to change.");
}

/* npm's star: the document as it was read, with or without the asker among its users. */
static void star(struct call *c, const struct asked *a, const struct json *doc)
{
    const struct json *mark = json_get_text(json_get(doc, "users"), text_of(c->who->name));
    star_answer(c, a, mark != NULL && (mark->type != JSON_BOOL || mark->boolean));
}

/* A star is the asker's own matter: who may read may give it. */
static bool is_star(struct call *c)
{
    struct text command = call_header(c, "npm-command");
    return text_is(command, "star") || text_is(command, "unstar");
}

static void put_package(struct call *c)
{
    /* Of the worker, not of the call: what is large is given back here, without the loop. */
    auto_pool struct pool *pool = pool_new();
    struct asked a;
    struct err err;
    struct json *doc;
    bool for_star = is_star(c);
    if ((for_star ? !asked_to_read(c, &a) : !asked_to_write(c, &a)) ||
        !asked_went_well(c, document_read(pool, c->body, &doc, &err), &err))
        return;
    if (document_kind(doc) == DOCUMENT_STARS) {
        star(c, &a, doc);
        return;
    }
    /* The command's name opened the door for a star only. */
    if (for_star && !asked_to_write(c, &a))
        return;
    struct change change = asked_change(c, &a);
    switch (document_kind(doc)) {
    case DOCUMENT_PUBLISH:
        publish(c, &a, pool, doc);
        return;
    case DOCUMENT_VERSIONS:
        answer_change(c, &a, change_deprecate(&change, doc, &err), &err);
        return;
    case DOCUMENT_OWNERS:
        answer_change(c, &a, change_owners(&change, doc, TEXT_NONE, &err), &err);
        return;
    default:
        break;
    }
    answer_change(c, &a, refuse_other(&err), &err);
}

static void put_revision(struct call *c)
{
    struct asked a;
    struct err err;
    struct json *doc;
    struct text rev = call_param(c, "rev");
    if (!asked_to_write(c, &a) ||
        !asked_went_well(c, document_read(c->pool, c->body, &doc, &err), &err))
        return;
    struct change change = asked_change(c, &a);
    int failed;
    if (document_kind(doc) == DOCUMENT_STARS) {
        star(c, &a, doc);
        return;
    }
    switch (document_kind(doc)) {
    case DOCUMENT_VERSIONS:
        failed = change_keep_versions(&change, doc, rev, &err);
        break;
    case DOCUMENT_OWNERS:
        failed = change_owners(&change, doc, rev, &err);
        break;
    default:
        failed = refuse_other(&err);
        break;
    }
    answer_change(c, &a, failed, &err);
}

static void delete_package(struct call *c)
{
    struct asked a;
    struct err err;
    if (!asked_to_write(c, &a))
        return;
    struct change change = asked_change(c, &a);
    answer_change(c, &a, change_remove(&change, call_param(c, "rev"), &err), &err);
}

static void delete_tarball(struct call *c)
{
    struct asked a;
    struct err err;
    if (!asked_to_prepare(c, &a))
        return;
    struct change change = asked_change(c, &a);
    struct text version = packument_tarball_version(&a.name, call_param(c, "file"));
    answer_change(c, &a, change_check_detached(&change, version, &err), &err);
}

/* The body is a JSON string: "1.0.0". */
static void put_tag(struct call *c)
{
    struct asked a;
    struct err err;
    struct json *doc;
    if (!asked_to_write(c, &a) ||
        !asked_went_well(c, json_read(c->pool, c->body, 10, &doc, &err), &err))
        return;
    struct change change = asked_change(c, &a);
    int failed =
        doc->type == JSON_STRING
            ? change_set_tag(&change, call_param(c, "tag"), doc->text, &err)
            : err_set(&err, ERR_INVALID, "bad_json", "The body is a version as JSON text.");
    answer_change(c, &a, failed, &err);
}

static void set_tags(struct call *c, bool replace)
{
    struct asked a;
    struct err err;
    const struct json *doc;
    if (!asked_to_write(c, &a) || !asked_went_well(c, call_json_body(c, &doc, &err), &err))
        return;
    struct change change = asked_change(c, &a);
    answer_change(c, &a, change_set_tags(&change, doc, replace, &err), &err);
}

static void post_tags(struct call *c)
{
    set_tags(c, false);
}

static void put_tags(struct call *c)
{
    set_tags(c, true);
}

static void delete_tag(struct call *c)
{
    struct asked a;
    struct err err;
    if (!asked_to_write(c, &a))
        return;
    struct change change = asked_change(c, &a);
    answer_change(c, &a, change_remove_tag(&change, call_param(c, "tag"), &err), &err);
}

static const struct route table[] = {
    {.method = "PUT",
     .path = "/npm/:pkg",
     .handle = put_package,
     .lane = LANE_ARCHIVE,
     .who = WHO_PUBLISHER,
     .faces = FACES,
     .max_body = MAX_DOCUMENT,
     .summary = "Publishes a version, or changes deprecations and owners"},
    {.method = "PUT",
     .path = "/npm/:pkg/-rev/:rev",
     .handle = put_revision,
     .lane = LANE_ARCHIVE,
     .who = WHO_USER,
     .faces = FACES,
     .max_body = MAX_DOCUMENT,
     .summary = "Unpublishes the versions that the document no longer has, or sets owners"},
    {.method = "DELETE",
     .path = "/npm/:pkg/-rev/:rev",
     .handle = delete_package,
     .who = WHO_USER,
     .faces = FACES,
     .summary = "Unpublishes the whole package"},
    {.method = "DELETE",
     .path = "/npm/:pkg/-/:file/-rev/:rev",
     .handle = delete_tarball,
     .who = WHO_USER,
     .faces = FACES,
     .summary = "Second half of an unpublish; done by the first"},
    {.method = "PUT",
     .path = "/npm/-/package/:pkg/dist-tags/:tag",
     .handle = put_tag,
     .who = WHO_PUBLISHER,
     .faces = FACES,
     .summary = "Sets a dist-tag"},
    {.method = "DELETE",
     .path = "/npm/-/package/:pkg/dist-tags/:tag",
     .handle = delete_tag,
     .who = WHO_PUBLISHER,
     .faces = FACES,
     .summary = "Removes a dist-tag"},
    {.method = "POST",
     .path = "/npm/-/package/:pkg/dist-tags",
     .handle = post_tags,
     .who = WHO_USER,
     .faces = FACES,
     .summary = "Sets several dist-tags"},
    {.method = "PUT",
     .path = "/npm/-/package/:pkg/dist-tags",
     .handle = put_tags,
     .who = WHO_USER,
     .faces = FACES,
     .summary = "Sets the dist-tags: others but latest go"},
};

int routes_publishing(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
