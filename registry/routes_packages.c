#include "core/blob.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/ready.h"
#include "http/route.h"
#include "http/warm.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/downloads.h"
#include "registry/package.h"
#include "registry/packument.h"
#include "registry/policy/policy.h"
#include "registry/policy/serve.h"
#include "registry/routes.h"
#include "registry/uplink/body.h"
#include "registry/uplink/uplinks.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)

static const char *const form_words[] = {
    [PACKUMENT_FULL] = "full", [PACKUMENT_ABBREVIATED] = "short"};
static const char *const form_mimes[] = {
    [PACKUMENT_FULL] = MIME_JSON, [PACKUMENT_ABBREVIATED] = MIME_ABBREVIATED};

static enum packument_form form_of(struct call *c)
{
    struct text accept = call_header(c, "accept");
    static const char mark[] = "application/vnd.npm.install-v1+json";
    bool abbreviated =
        accept.base != NULL && memmem(accept.base, accept.len, mark, sizeof mark - 1) != NULL;
    return abbreviated ? PACKUMENT_ABBREVIATED : PACKUMENT_FULL;
}

/* A name may become ours, or be nobody's again, also by its scope: what was kept of the one is
 * never an answer for the other. */
static const char *kept_word(const struct asked *a)
{
    return a->origin.kind == ORIGIN_PUBLIC ? "public " : "";
}

static struct text key_of(struct call *c, const struct serve *s)
{
    return text_printf(c->pool, "npm %.*s %s%s%.*s", TEXT_ARG(s->asked->name.full),
                       kept_word(s->asked), form_words[s->form], TEXT_ARG(s->view->key));
}

/* Who may read differs from asker to asker, and what is there may change at any moment: a cache
 * asks. */
static void set_headers(struct call *c)
{
    call_set(c, "cache-control", TEXT("private, no-cache"));
    call_set(c, "vary", TEXT("accept, authorization"));
}

static bool ready_packument(struct call *c)
{
    struct asked a;
    if (!asked_may_read(c, &a))
        return false;
    struct policy_view view;
    struct serve s = {&a, &view, form_of(c)};
    serve_look(c, &a, &view);
    if (a.origin.kind == ORIGIN_PUBLIC &&
        (!uplinks_is_ready(a.registry->uplinks, a.name.full, s.form) ||
         (view.full && !uplinks_is_ready(a.registry->uplinks, a.name.full, PACKUMENT_FULL))))
        return false;
    set_headers(c);
    return ready_answer(a.registry->config.ready, c, key_of(c, &s), form_mimes[s.form]);
}

/* arg lives in the call's pool while the call waits for it. */
static int build(void *arg, struct pool *pool, struct text key, struct text *body, struct err *err)
{
    return serve_packument(pool, arg, body, err);
}

/* Our own uplink leads back here. Says so, also by Via, to whom is us as well. */
static bool is_loop(struct call *c, const struct asked *a)
{
    struct err err;
    if (!uplinks_began(a->registry->uplinks, call_header(c, "via")))
        return false;
    call_set(c, "via", text_of(uplinks_via(a->registry->uplinks)));
    err_set(&err, ERR_INVALID, "uplink_loop",
            "An uplink of this registry leads back to it; correct the uplink's address.");
    call_fail(c, &err);
    return true;
}

/* Brings a public document up to date; answers when that fails. */
static bool refresh(struct call *c, const struct asked *a, enum packument_form form)
{
    struct err err;
    return !is_loop(c, a) &&
           asked_went_well(c, uplinks_refresh(a->registry->uplinks, a->name.full, form, &err),
                           &err);
}

static void get_packument(struct call *c)
{
    struct asked a;
    struct policy_view view;
    if (!asked_to_read(c, &a))
        return;
    struct serve s = {&a, &view, form_of(c)};
    serve_look(c, &a, &view);
    bool public = a.origin.kind == ORIGIN_PUBLIC;
    if (public && !refresh(c, &a, s.form))
        return;
    if (public && view.full && s.form != PACKUMENT_FULL && !refresh(c, &a, PACKUMENT_FULL))
        return;
    set_headers(c);
    ready_build(a.registry->config.ready, c, key_of(c, &s), form_mimes[s.form], build, &s);
}

/* The body of GET /PKG/VERSION and of tags, ours or the uplink's. */
static void answer_part(struct call *c, int failed, struct text body, const struct err *err)
{
    if (!asked_went_well(c, failed, err))
        return;
    set_headers(c);
    call_bytes(c, 200, MIME_JSON, body);
}

static int version_body(struct call *c, const struct serve *s, struct text which, struct text *body,
                        struct err *err)
{
    const struct asked *a = s->asked;
    struct text doc;
    if (s->view->n > 0)
        return serve_version(c, s, which, body, err);
    if (a->origin.kind == ORIGIN_PUBLIC)
        return uplinks_document(a->registry->uplinks, c->pool, a->name.full, PACKUMENT_FULL, &doc,
                                err) != 0
                   ? -1
                   : uplink_body_version(c->pool, a->registry->base, &a->name, doc, which, body,
                                         err);
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    return r.conn == NULL ? -1
                          : packument_version(r.conn, c->pool, a->registry->base, a->name.full,
                                              which, body, err);
}

static void get_version(struct call *c)
{
    struct asked a;
    struct err err;
    struct policy_view view;
    struct text body = TEXT_NONE;
    if (!asked_to_read(c, &a))
        return;
    struct serve s = {&a, &view, PACKUMENT_FULL};
    serve_look(c, &a, &view);
    if (a.origin.kind == ORIGIN_PUBLIC && !refresh(c, &a, PACKUMENT_FULL))
        return;
    answer_part(c, version_body(c, &s, call_param(c, "version"), &body, &err), body, &err);
}

static int tags_body(struct call *c, const struct serve *s, struct text *body, struct err *err)
{
    const struct asked *a = s->asked;
    struct text doc;
    if (s->view->n > 0)
        return serve_tags(c->pool, s, body, err);
    if (a->origin.kind == ORIGIN_PUBLIC)
        return uplinks_document(a->registry->uplinks, c->pool, a->name.full, PACKUMENT_ABBREVIATED,
                                &doc, err) != 0
                   ? -1
                   : uplink_body_tags(&a->name, doc, body, err);
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    return r.conn == NULL ? -1 : packument_tags(r.conn, c->pool, a->name.full, body, err);
}

static void get_tags(struct call *c)
{
    struct asked a;
    struct err err;
    struct policy_view view;
    struct text body = TEXT_NONE;
    if (!asked_to_read(c, &a))
        return;
    policy_look(a.registry, c->pool, c->who, &a.origin, &view);
    struct serve s = {&a, &view, view.full ? PACKUMENT_FULL : PACKUMENT_ABBREVIATED};
    if (a.origin.kind == ORIGIN_PUBLIC && !refresh(c, &a, s.form))
        return;
    answer_part(c, tags_body(c, &s, &body, &err), body, &err);
}

static int open_own(struct call *c, const struct asked *a, struct text file,
                    struct uplink_file *out, struct err *err)
{
    struct package_stored stored;
    struct blob_id id;
    struct text version = packument_tarball_version(&a->name, file);
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (version.base == NULL ||
        package_get_stored(r.conn, c->pool, a->name.full, version, &stored, NULL) != 0 ||
        stored.sha512.len != sizeof id.sha512)
        return err_set(err, ERR_NOT_FOUND, "file_not_found", "There is no such tarball.");
    memcpy(id.sha512, stored.sha512.base, sizeof id.sha512);
    out->etag = text_printf(c->pool, "\"%.*s\"", 32, blob_hex(c->pool, &id).base);
    return blob_open(a->registry->config.blobs, &id, &out->fd, &out->bytes, err);
}

#define MIME_TARBALL "application/octet-stream"

static struct text kept_file(struct call *c, const struct asked *a, struct text file)
{
    return text_printf(c->pool, "%s%.*s", kept_word(a), TEXT_ARG(file));
}

static void set_tarball_headers(struct call *c)
{
    call_set(c, "cache-control", TEXT("private, max-age=31536000, immutable"));
}

static void count(const struct call *c, const struct asked *a)
{
    if (text_is(c->method, "GET"))
        downloads_count(a->registry->downloads, a->name.full,
                        packument_tarball_version(&a->name, call_param(c, "file")));
}

static bool ready_tarball(struct call *c)
{
    struct asked a;
    if (!asked_may_read(c, &a))
        return false;
    struct policy_view view;
    struct text file = call_param(c, "file");
    policy_look(a.registry, c->pool, c->who, &a.origin, &view);
    if (view.n > 0 &&
        !policy_remembers(&view, a.name.full, packument_tarball_version(&a.name, file)))
        return false;
    set_tarball_headers(c);
    if (!warm_answer(a.registry->config.warm, c, MIME_TARBALL, a.name.full, kept_file(c, &a, file)))
        return false;
    if (a.origin.kind == ORIGIN_PUBLIC)
        uplinks_used(a.registry->uplinks, a.name.full, file);
    count(c, &a);
    return true;
}

static void get_tarball(struct call *c)
{
    struct asked a;
    struct err err;
    struct uplink_file file = {.fd = -1};
    struct text name = call_param(c, "file");
    int failed;
    if (!asked_to_read(c, &a))
        return;
    if (a.origin.kind == ORIGIN_PUBLIC && is_loop(c, &a))
        return;
    if (!asked_went_well(c, serve_check(c, &a, packument_tarball_version(&a.name, name), &err),
                         &err))
        return;
    struct warm *warm = a.registry->config.warm;
    uint64_t moment = warm_moment(warm, a.name.full);
    if (a.origin.kind == ORIGIN_PUBLIC)
        failed = uplinks_tarball(a.registry->uplinks, c->pool, &a.name, name, &file, &err);
    else
        failed = open_own(c, &a, name, &file, &err);
    if (!asked_went_well(c, failed, &err))
        return;
    struct warm_file found = {.group = a.name.full,
                              .name = kept_file(c, &a, name),
                              .moment = moment,
                              .fd = file.fd,
                              .bytes = file.bytes,
                              .etag = file.etag};
    count(c, &a);
    set_tarball_headers(c);
    warm_file(warm, c, MIME_TARBALL, &found);
}

/* Private packages do not wait for uplinks. */
static enum route_lane lane_of(struct call *c)
{
    struct asked a;
    return asked_may_read(c, &a) && a.origin.kind == ORIGIN_PUBLIC ? LANE_OUTSIDE : LANE_READ;
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/npm/:pkg",
     .handle = get_packument,
     .ready = ready_packument,
     .lane_of = lane_of,
     .faces = FACES,
     .summary = "The packument, full or abbreviated by Accept"},
    {.method = "GET",
     .path = "/npm/:pkg/:version",
     .handle = get_version,
     .lane_of = lane_of,
     .faces = FACES,
     .summary = "One version, by number or tag"},
    {.method = "GET",
     .path = "/npm/:pkg/-/:file",
     .handle = get_tarball,
     .ready = ready_tarball,
     .lane_of = lane_of,
     .faces = FACES,
     .summary = "A tarball"},
    {.method = "GET",
     .path = "/npm/-/package/:pkg/dist-tags",
     .handle = get_tags,
     .lane_of = lane_of,
     .faces = FACES,
     .summary = "The dist-tags"},
};

int routes_packages(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
