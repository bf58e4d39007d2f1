#include "registry/policy/serve.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/pool.h"
#include "http/call.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/package.h"
#include "registry/policy/policy.h"
#include "registry/semver.h"
#include "registry/uplink/body.h"
#include "registry/uplink/uplinks.h"

void serve_look(struct call *c, const struct asked *a, struct policy_view *view)
{
    policy_look(a->registry, c->pool, c->who, &a->origin, view);
    if (view->n == 0 || a->origin.kind == ORIGIN_PUBLIC || !text_is(call_query(c, "write"), "true"))
        return;
    if (origin_check_write(a->registry, c->who, &a->origin, a->name.full, NULL) == 0)
        *view = (struct policy_view){.policy = view->policy, .key = TEXT("")};
}

static bool is_public(const struct serve *s)
{
    return s->asked->origin.kind == ORIGIN_PUBLIC;
}

/* As it is stored. */
static int build(struct pool *pool, const struct serve *s, enum packument_form form,
                 struct text *body, struct err *err)
{
    const struct asked *a = s->asked;
    struct text doc;
    if (is_public(s))
        return uplinks_document(a->registry->uplinks, pool, a->name.full, form, &doc, err) != 0
                   ? -1
                   : uplink_body(pool, a->registry->base, &a->name, doc, body, err);
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    return r.conn == NULL
               ? -1
               : packument_build(r.conn, pool, a->registry->base, a->name.full, form, body, err);
}

int serve_packument(struct pool *pool, const struct serve *s, struct text *body, struct err *err)
{
    struct policy_body what = {.view = s->view, .name = s->asked->name.full, .own = !is_public(s)};
    if (build(pool, s, s->form, &what.body, err) != 0)
        return -1;
    *body = what.body;
    if (s->view->n == 0)
        return 0;
    what.full = what.body;
    if (s->view->full && s->form != PACKUMENT_FULL &&
        build(pool, s, PACKUMENT_FULL, &what.full, err) != 0)
        return -1;
    return policy_body(pool, &what, body, err);
}

static int check(struct call *c, const struct serve *s, struct text version, struct text full,
                 struct err *err)
{
    struct policy_asking asking = {.view = s->view,
                                   .who = c->who,
                                   .origin = &s->asked->origin,
                                   .name = s->asked->name.full,
                                   .version = version,
                                   .full = full};
    return policy_check(c->pool, &asking, err);
}

int serve_version(struct call *c, const struct serve *s, struct text which, struct text *body,
                  struct err *err)
{
    const struct asked *a = s->asked;
    struct policy_body what = {.view = s->view, .name = a->name.full, .own = !is_public(s)};
    struct semver v;
    struct text left;
    if (build(c->pool, s, PACKUMENT_FULL, &what.full, err) != 0)
        return -1;
    what.body = what.full;
    if (semver_parse(which, &v) && check(c, s, which, what.full, err) != 0)
        return -1;
    return policy_body(c->pool, &what, &left, err) != 0
               ? -1
               : uplink_body_version(c->pool, a->registry->base, &a->name, left, which, body, err);
}

int serve_tags(struct pool *pool, const struct serve *s, struct text *body, struct err *err)
{
    struct text left;
    return serve_packument(pool, s, &left, err) != 0
               ? -1
               : uplink_body_tags(&s->asked->name, left, body, err);
}

/* A packument of one version alone. */
static int build_one(struct pool *pool, const struct serve *s, struct text version,
                     struct text *full, struct err *err)
{
    const struct asked *a = s->asked;
    struct package_stored stored;
    struct text doc;
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    if (r.conn == NULL ||
        package_get_stored(r.conn, pool, a->name.full, version, &stored, err) != 0 ||
        packument_version(r.conn, pool, a->registry->base, a->name.full, version, &doc, err) != 0)
        return -1;
    *full = text_printf(pool, "{\"versions\":{\"%.*s\":%.*s},\"time\":{\"%.*s\":\"%s\"}}",
                        TEXT_ARG(version), TEXT_ARG(doc), TEXT_ARG(version),
                        clock_iso(pool, stored.published_ms));
    return 0;
}

int serve_check(struct call *c, const struct asked *a, struct text version, struct err *err)
{
    struct policy_view view;
    struct serve s = {a, &view, PACKUMENT_FULL};
    struct text full = TEXT_NONE;

    policy_look(a->registry, c->pool, c->who, &a->origin, &view);
    /* Also what is no version of semver: old packages have such, and uplinks serve them. */
    if (view.n == 0 || version.base == NULL)
        return 0;
    if (!is_public(&s)) {
        if (build_one(c->pool, &s, version, &full, err) != 0)
            return err->kind == ERR_NOT_FOUND ? 0 : -1; /* who opens the file says so */
    } else if (view.full) {
        if (uplinks_refresh(a->registry->uplinks, a->name.full, PACKUMENT_FULL, err) != 0 ||
            uplinks_document(a->registry->uplinks, c->pool, a->name.full, PACKUMENT_FULL, &full,
                             err) != 0)
            return -1;
    }
    return check(c, &s, version, full, err);
}
