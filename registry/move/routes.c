/* The API of imports: admins only, since who imports says who published what and when. */
#include "registry/routes.h"
#include "core/err.h"
#include "core/json.h"
#include "http/operation.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/document.h"
#include "registry/move/legacy.h"
#include "registry/move/move.h"
#include "registry/origin.h"

#define MAX_DOCUMENT (MOST_TARBALL / 2 * 3)
#define MAX_SHOW ((size_t)8 << 20)
#define MAX_ANSWER ((size_t)32 << 20)

/* The tenant that the asker means, which must be the one that the name belongs to. */
static int read_move(struct call *c, struct text slug, struct pkgname *name, struct move *m,
                     struct err *err)
{
    struct registry *registry = c->area;
    const struct account_tenant *tenant = account_tenant_by_slug(c->accounts, slug);
    const char *shared = registry->config.platform_scope;
    if (pkgname_check_new(call_param(c, "pkg"), err) != 0)
        return -1;
    (void)pkgname_split(call_param(c, "pkg"), name);
    bool platform = shared != NULL && text_is(slug, shared);
    if (tenant == NULL && !platform)
        return err_set(err, ERR_NOT_FOUND, "tenant_not_found", "There is no tenant \"%.*s\".",
                       TEXT_ARG(text_sub(slug, 0, 64)));
    *m = (struct move){.registry = registry,
                       .pool = c->pool,
                       .who = c->who,
                       .tenant = platform ? NULL : tenant->id,
                       .name = name};
    struct origin origin = origin_of(registry, c->pool, c->accounts, name);
    if (platform ? origin.kind == ORIGIN_PLATFORM
                 : origin.kind == ORIGIN_TENANT && strcmp(origin.tenant, tenant->id) == 0)
        return 0;
    if (name->scope.len > 0)
        return err_set(
            err, ERR_FORBIDDEN, "wrong_scope",
            "The scope of \"%.*s\" is not that of \"%.*s\". Say whose it is: --map @%.*s=SLUG.",
            TEXT_ARG(name->full), TEXT_ARG(slug), TEXT_ARG(name->scope));
    return err_set(err, ERR_FORBIDDEN, "wrong_scope",
                   "\"%.*s\" is not a name of \"%.*s\". Claim it for that tenant first.",
                   TEXT_ARG(name->full), TEXT_ARG(slug));
}

static void get_state(struct call *c)
{
    struct err err;
    struct pkgname name = {0};
    struct move m;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (!asked_went_well(c, read_move(c, call_query(c, "tenant"), &name, &m, &err), &err))
        return;
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "name", name.full);
    json_key(&w, "versions");
    if (!asked_went_well(c, move_state(&m, &w, &err), &err))
        return;
    json_close(&w);
    call_json(c, 200, &out);
}

static void post_version(struct call *c)
{
    struct err err;
    struct pkgname name = {0};
    struct move m;
    struct json *doc;
    struct text version;
    bool again = false;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (!asked_went_well(c, read_move(c, call_query(c, "tenant"), &name, &m, &err), &err) ||
        !asked_went_well(c, document_read(c->pool, c->body, &doc, &err), &err) ||
        !asked_went_well(c, move_stage(&m, doc, &version, &again, &err), &err))
        return;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "name", name.full);
    json_put_text(&w, "version", version);
    json_put_bool(&w, "again", again);
    json_close(&w);
    call_json(c, again ? 200 : 201, &out);
}

static void put_package(struct call *c)
{
    struct err err;
    struct pkgname name = {0};
    struct move m;
    const struct json *doc;
    struct text slug = TEXT_NONE;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (asked_went_well(c, call_json_body(c, &doc, &err), &err) &&
        asked_went_well(c, json_need_text(doc, "tenant", &slug, &err), &err) &&
        asked_went_well(c, read_move(c, slug, &name, &m, &err), &err) &&
        asked_went_well(c, move_show(&m, doc, &w, &err), &err))
        call_json(c, 200, &out);
}

static void post_import(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;
    const struct json *doc;
    struct text from = TEXT_NONE;
    char id[27];
    if (asked_went_well(c, call_json_body(c, &doc, &err), &err) &&
        asked_went_well(c, json_need_text(doc, "from", &from, &err), &err) &&
        asked_went_well(c, moves_begin(registry->moves, text_sub(from, 0, 200), c->who, id, &err),
                        &err))
        operation_answer(registry->config.operations, c, id);
}

static void put_tokens(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;
    const struct json *doc;
    int64_t n = 0;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (!asked_went_well(c, call_json_body(c, &doc, &err), &err) ||
        !asked_went_well(c, legacy_learn(registry->legacy, c->pool, doc, &n, &err), &err))
        return;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_int(&w, "tokens", n);
    json_close(&w);
    call_json(c, 200, &out);
}

static void delete_tokens(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;
    if (asked_went_well(c, legacy_forget(registry->legacy, &err), &err))
        call_empty(c, 204);
}

static int read_progress(const struct json *doc, struct move_progress *p, struct err *err)
{
    int64_t percent = -1;
    if (json_want_int(doc, "percent", &percent, err) != 0 ||
        json_want_text(doc, "step", &p->step, err) != 0 ||
        json_want_bool(doc, "done", &p->done, err) != 0 ||
        json_want_text(doc, "problem", &p->problem, err) != 0)
        return -1;
    p->percent = percent < 0 || percent > 100 ? -1 : (int)percent;
    p->step = text_sub(p->step, 0, 200);
    return 0;
}

static void put_import(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;
    const struct json *doc;
    struct move_progress progress = {0};
    if (asked_went_well(c, call_json_body(c, &doc, &err), &err) &&
        asked_went_well(c, read_progress(doc, &progress, &err), &err) &&
        asked_went_well(c, moves_tell(registry->moves, call_param(c, "import"), &progress, &err),
                        &err))
        call_empty(c, 204);
}

static const struct route table[] = {
    {.method = "POST",
     .path = "/api/v1/imports",
     .handle = post_import,
     .who = WHO_ADMIN,
     .summary = "Begins an import from another registry, as an operation to be told how far it is",
     .body = "NewImport",
     .answer = "Started",
     .status = 202},
    {.method = "PUT",
     .path = "/api/v1/imports/:import",
     .handle = put_import,
     .who = WHO_ADMIN,
     .summary = "Says how far an import is, or that it has ended",
     .body = "ImportProgress"},
    {.method = "PUT",
     .path = "/api/v1/imports/tokens",
     .handle = put_tokens,
     .who = WHO_ADMIN,
     .max_body = MAX_SHOW,
     .secret = true,
     .summary = "From now on legacy tokens of that Verdaccio count, each after its first use",
     .body = "LegacyTokens",
     .answer = "LegacyTokenCount"},
    {.method = "DELETE",
     .path = "/api/v1/imports/tokens",
     .handle = delete_tokens,
     .who = WHO_ADMIN,
     .summary = "No more legacy tokens are taken; those that were used go on"},
    {.method = "GET",
     .path = "/api/v1/imports/packages/:pkg",
     .handle = get_state,
     .who = WHO_ADMIN,
     .summary = "What of a package is here or waits to be shown",
     .query = "import-tenant",
     .answer = "ImportState"},
    {.method = "POST",
     .path = "/api/v1/imports/packages/:pkg/versions",
     .handle = post_version,
     .who = WHO_ADMIN,
     .lane = LANE_ARCHIVE,
     .max_body = MAX_DOCUMENT,
     .summary = "Brings one version, a publish document of npm; it is not shown yet",
     .query = "import-tenant",
     .body = "PublishDocument",
     .answer = "ImportedVersion",
     .status = 201},
    {.method = "PUT",
     .path = "/api/v1/imports/packages/:pkg",
     .handle = put_package,
     .who = WHO_ADMIN,
     .lane = LANE_ARCHIVE,
     .max_body = MAX_SHOW,
     .summary = "Shows the versions that came, with tags, deprecations and owners, at once",
     .body = "NewImportedPackage",
     .answer = "ImportedPackage"},
};

int routes_moves(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
