/* What people change by hand: the same changes as npm's commands make, each by itself. */
#include "core/err.h"
#include "core/json.h"
#include "http/call.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/catalogue/clash.h"
#include "registry/change.h"
#include "registry/manifest.h"
#include "registry/otp.h"
#include "registry/page/page.h"

static bool asked_to_change(struct call *c, struct asked *a, struct change *change)
{
    struct err err;

    if (!asked_to_write(c, a))
        return false;
    if (a->origin.kind != ORIGIN_TENANT && a->origin.kind != ORIGIN_PLATFORM)
        return asked_went_well(
            c, err_set(&err, ERR_NOT_FOUND, "package_not_found", "There is no such package here."),
            &err);
    *change = asked_change(c, a);
    return true;
}

static void answer(struct call *c, int failed, const struct err *err)
{
    if (asked_went_well(c, failed, err))
        call_empty(c, 204);
}

static int read_message(struct call *c, struct text *message, struct err *err)
{
    const struct json *doc;

    if (call_json_body(c, &doc, err) != 0)
        return -1;
    if (json_get(doc, "deprecated") == NULL)
        return err_set(err, ERR_INVALID, "missing_field",
                       "\"deprecated\" is missing: the message, or null to take it back.");
    return json_want_text(doc, "deprecated", message, err);
}

static void patch_version(struct call *c)
{
    struct asked a;
    struct change change;
    struct text message = TEXT_NONE;
    struct err err;

    if (!asked_to_change(c, &a, &change) ||
        !asked_went_well(c, read_message(c, &message, &err), &err))
        return;
    answer(c, change_deprecate_version(&change, call_param(c, "version"), message, &err), &err);
}

/* What cannot be had back is confirmed by its name. */
static bool confirmed(struct call *c, struct text what)
{
    struct err err;

    return text_eq(call_query(c, "confirm"), what) ||
           asked_went_well(
               c,
               err_set(&err, ERR_INVALID, "not_confirmed",
                       "What is unpublished cannot be published again under the same number: "
                       "confirm it with ?confirm=%.*s.",
                       TEXT_ARG(text_sub(what, 0, 120))),
               &err);
}

static void delete_version(struct call *c)
{
    struct asked a;
    struct change change;
    struct err err;
    struct text version = call_param(c, "version");

    if (asked_to_change(c, &a, &change) && confirmed(c, version))
        answer(c, change_remove_version(&change, version, &err), &err);
}

static void delete_package(struct call *c)
{
    struct asked a;
    struct change change;
    struct err err;

    if (asked_to_change(c, &a, &change) && confirmed(c, a.name.full))
        answer(c, change_remove(&change, TEXT_NONE, &err), &err);
}

static void put_tag(struct call *c)
{
    struct asked a;
    struct change change;
    const struct json *doc;
    struct text version = TEXT_NONE;
    struct err err;

    if (!asked_to_change(c, &a, &change) ||
        !asked_went_well(c, call_json_body(c, &doc, &err), &err) ||
        !asked_went_well(c, json_need_text(doc, "version", &version, &err), &err))
        return;
    answer(c, change_set_tag(&change, call_param(c, "tag"), version, &err), &err);
}

static void delete_tag(struct call *c)
{
    struct asked a;
    struct change change;
    struct err err;

    if (asked_to_change(c, &a, &change))
        answer(c, change_remove_tag(&change, call_param(c, "tag"), &err), &err);
}

static void post_owner(struct call *c)
{
    struct asked a;
    struct change change;
    const struct json *doc;
    struct text user = TEXT_NONE;
    struct err err;

    if (asked_to_change(c, &a, &change) &&
        asked_went_well(c, call_json_body(c, &doc, &err), &err) &&
        asked_went_well(c, json_need_text(doc, "user", &user, &err), &err))
        answer(c, change_owner(&change, user, true, &err), &err);
}

static void delete_owner(struct call *c)
{
    struct asked a;
    struct change change;
    struct err err;

    if (asked_to_change(c, &a, &change))
        answer(c, change_owner(&change, call_param(c, "user"), false, &err), &err);
}

/* The name whose own rule of a second factor counts; what a package that the asker may not change
 * asks for is not told. */
static struct text ruling_name(struct call *c, struct text says)
{
    struct pkgname name;

    if (!pkgname_split(says, &name))
        return TEXT_NONE;
    struct origin origin = origin_of(c->area, c->pool, c->accounts, &name);
    return origin_check_write(c->area, c->who, &origin, says, NULL) == 0 ? says : TEXT_NONE;
}

/* A tarball dropped on the portal, or sent by a script: the funnel of builds. */
static void post_package(struct call *c)
{
    struct tarball_publish spec = {.tarball = c->body,
                                   .tenant = c->tenant->id,
                                   .tag = call_query(c, "tag"),
                                   .user = text_of(c->who->name),
                                   .user_id = c->who->user,
                                   .who = c->who,
                                   .source = TARBALL_UPLOAD};
    struct manifest says;
    struct text name, version;
    struct json_writer w;
    struct err err;
    auto_buf struct buf out = {0};

    if (!asked_went_well(c, manifest_read(c->pool, c->body, &says, &err), &err) ||
        !otp_asked(c->area, c, ruling_name(c, says.name)) ||
        !asked_went_well(
            c, registry_publish_tarball(c->area, c->pool, &spec, &name, &version, &err), &err))
        return;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "name", name);
    json_put_text(&w, "version", version);
    json_put_text(&w, "notice", clash_notice(c->area, c->pool, c->tenant->id, name, version));
    json_close(&w);
    call_json(c, 201, &out);
}

static const struct route table[] = {
    {.method = "POST",
     .path = "/api/v1/tenants/:tenant/packages",
     .handle = post_package,
     .who = WHO_MEMBER,
     .scope = SCOPE_PACKAGE_PUBLISH,
     .names_package = true,
     .lane = LANE_ARCHIVE,
     .max_body = MOST_TARBALL,
     .summary = "publishes a tarball as its package.json says; ?tag= for another tag than latest",
     .query = "tag",
     .body = "application/gzip",
     .answer = "Published",
     .status = 201},
    {.method = "DELETE",
     .path = "/api/v1/packages/:pkg",
     .handle = delete_package,
     .who = WHO_USER,
     .summary = "Unpublishes a package with all its versions; ?confirm=NAME",
     .query = "confirm"},
    {.method = "PATCH",
     .path = "/api/v1/packages/:pkg/versions/:version",
     .handle = patch_version,
     .who = WHO_USER,
     .summary = "Deprecates a version, or takes that back",
     .body = "VersionChange"},
    {.method = "DELETE",
     .path = "/api/v1/packages/:pkg/versions/:version",
     .handle = delete_version,
     .who = WHO_USER,
     .summary = "Unpublishes a version, whose number stays taken; ?confirm=VERSION",
     .query = "confirm"},
    {.method = "PUT",
     .path = "/api/v1/packages/:pkg/tags/:tag",
     .handle = put_tag,
     .who = WHO_USER,
     .summary = "Sets a dist-tag",
     .body = "TagChange"},
    {.method = "DELETE",
     .path = "/api/v1/packages/:pkg/tags/:tag",
     .handle = delete_tag,
     .who = WHO_USER,
     .summary = "Removes a dist-tag"},
    {.method = "POST",
     .path = "/api/v1/packages/:pkg/owners",
     .handle = post_owner,
     .who = WHO_USER,
     .summary = "Adds an owner",
     .body = "NewOwner"},
    {.method = "DELETE",
     .path = "/api/v1/packages/:pkg/owners/:user",
     .handle = delete_owner,
     .who = WHO_USER,
     .summary = "Removes an owner; the last one stays"},
};

int manage_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
