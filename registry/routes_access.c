/* Who may what with a package: for npm and pnpm, and for the API. */
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/change.h"
#include "registry/otp.h"
#include "registry/package.h"
#include "registry/permission.h"
#include "registry/routes.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)
#define MAX_ANSWER ((size_t)4 << 20)

static bool is_open(const struct asked *a)
{
    return a->origin.kind != ORIGIN_TENANT;
}

static void answer_member(struct call *c, const char *key, bool is_text, struct text value)
{
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 100);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, key);
    if (is_text)
        json_text(&w, value);
    else
        json_raw(&w, value);
    json_close(&w);
    call_json(c, 200, &out);
}

static void get_visibility(struct call *c)
{
    struct asked a;
    if (asked_to_read(c, &a))
        answer_member(c, "public", false, is_open(&a) ? TEXT("true") : TEXT("false"));
}

static void get_access(struct call *c)
{
    struct asked a;
    if (asked_to_read(c, &a))
        answer_member(c, "access", true, is_open(&a) ? TEXT("public") : TEXT("restricted"));
}

/* Whether a package is public follows from its name. */
static int judge_access(const struct asked *a, struct text access, struct err *err)
{
    if (text_is(access, "public") && !is_open(a))
        return err_set(err, ERR_FORBIDDEN, "private_by_nature",
                       "The packages of a tenant are for its members only, so \"%.*s\" cannot be "
                       "public. Publish it below the scope that all users share instead.",
                       TEXT_ARG(a->name.full));
    if (text_is(access, "restricted") && is_open(a))
        return err_set(err, ERR_FORBIDDEN, "shared_by_nature",
                       "\"%.*s\" is below the scope that all users share, so it cannot be "
                       "restricted. Publish it below a tenant's scope instead.",
                       TEXT_ARG(a->name.full));
    return text_is(access, "public") || text_is(access, "restricted")
               ? 0
               : err_set(err, ERR_UNPROCESSABLE, "bad_access", "Access is public or restricted.");
}

static int set_access(struct call *c, const struct asked *a, const struct json *doc,
                      struct err *err)
{
    struct text access = TEXT_NONE;
    struct otp_rule rule = {0};
    struct package p;
    bool has_rule = json_get(doc, "publish_requires_tfa") != NULL;
    if (json_want_text(doc, "access", &access, err) != 0 ||
        json_want_bool(doc, "publish_requires_tfa", &rule.required, err) != 0 ||
        json_want_bool(doc, "automation_token_overrides_tfa", &rule.machines, err) != 0)
        return -1;
    if (access.base == NULL && !has_rule)
        return err_set(err, ERR_UNPROCESSABLE, "bad_access",
                       "Nothing to set: the body has neither access nor publish_requires_tfa.");
    auto_tx struct db_tx tx = {0};
    if ((access.base != NULL && judge_access(a, access, err) != 0) ||
        db_begin(&tx, a->registry->config.control, err) != 0 ||
        package_get(tx.conn, c->pool, a->name.full, &p, err) != 0)
        return -1;
    struct permission ask = {tx.conn, c->pool, c->who, a->origin.tenant, a->name.full};
    if (permission_check(&ask, PERMISSION_OWN, err) != 0)
        return -1;
    if (rule.required && c->who->user != NULL && c->who->factor == FACTOR_NONE)
        return err_set(err, ERR_FORBIDDEN, "factor_needed",
                       "With this rule you could not change the package any more: switch on your "
                       "own second factor first (npm profile enable-2fa, or your account's page in "
                       "the portal).");
    if (has_rule && otp_rule_set(tx.conn, a->name.full, &rule, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

static void post_access(struct call *c)
{
    struct asked a;
    struct err err;
    const struct json *doc;
    if (asked_to_write(c, &a) &&
        asked_went_well(c, call_json_body(c, &doc, &err) != 0 || set_access(c, &a, doc, &err) != 0,
                        &err))
        call_bytes(c, 200, "application/json", TEXT("{}"));
}

/* Opens a package of ours for reading who may what with it; answers otherwise. */
static bool ask_people(struct call *c, struct asked *a)
{
    struct err err;
    if (!asked_to_read(c, a))
        return false;
    if (a->origin.kind != ORIGIN_PUBLIC)
        return true;
    err_set(&err, ERR_NOT_FOUND, "public_package",
            "\"%.*s\" is a public package; who may change it is not known here.",
            TEXT_ARG(a->name.full));
    call_fail(c, &err);
    return false;
}

static int write_people(struct call *c, const struct asked *a, enum permission_form form,
                        struct json_writer *w, struct err *err)
{
    struct package p;
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    struct permission ask = {r.conn, c->pool, c->who, a->origin.tenant, a->name.full};
    if (r.conn == NULL || package_get(r.conn, c->pool, a->name.full, &p, err) != 0)
        return -1;
    return permission_people(&ask, call_query(c, "user"), form, w, err);
}

static void get_collaborators(struct call *c)
{
    struct asked a;
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    enum permission_form form =
        text_is(call_query(c, "format"), "cli") ? PERMISSION_ROWS : PERMISSION_MAP;
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (ask_people(c, &a) && asked_went_well(c, write_people(c, &a, form, &w, &err), &err))
        call_json(c, 200, &out);
}

static void put_owner(struct call *c)
{
    struct asked a;
    struct err err;
    const struct json *doc;
    struct text user = TEXT_NONE;
    if (!asked_to_write(c, &a))
        return;
    struct change change = asked_change(c, &a);
    if (asked_went_well(c,
                        call_json_body(c, &doc, &err) != 0 ||
                            json_need_text(doc, "user", &user, &err) != 0 ||
                            change_owner(&change, user, true, &err) != 0,
                        &err))
        call_bytes(c, 200, "application/json", TEXT("{\"ok\":true}"));
}

static void delete_owner(struct call *c)
{
    struct asked a;
    struct err err;
    if (!asked_to_write(c, &a))
        return;
    struct change change = asked_change(c, &a);
    if (asked_went_well(c, change_owner(&change, call_param(c, "user"), false, &err), &err))
        call_bytes(c, 200, "application/json", TEXT("{\"ok\":true}"));
}

/* The API's view: everything at once. */

static int put_rows(const struct permission *ask, struct json_writer *w, struct err *err)
{
    static const char owner_sql[] =
        "SELECT name AS user FROM package_owner WHERE package = ? ORDER BY name";
    static const char team_sql[] =
        "SELECT team, permission FROM team_package WHERE package = ? ORDER BY team";
    json_key(w, "owners");
    if (db_json(w, ask->conn, err, owner_sql, "s", ask->name) != 0)
        return -1;
    json_key(w, "teams");
    if (db_json(w, ask->conn, err, team_sql, "s", ask->name) != 0)
        return -1;
    json_key(w, "people");
    return permission_people(ask, TEXT_NONE, PERMISSION_ROWS, w, err);
}

static int write_access(struct call *c, const struct asked *a, struct json_writer *w,
                        struct err *err)
{
    struct package p;
    struct err why;
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    struct permission ask = {r.conn, c->pool, c->who, a->origin.tenant, a->name.full};
    if (r.conn == NULL || package_get(r.conn, c->pool, a->name.full, &p, err) != 0)
        return -1;
    const struct account_tenant *tenant =
        a->origin.tenant != NULL ? account_tenant_by_id(c->accounts, text_of(a->origin.tenant))
                                 : NULL;
    bool may = origin_check_write(a->registry, c->who, &a->origin, a->name.full, &why) == 0;
    json_open(w);
    json_put_text(w, "name", a->name.full);
    json_put_str(w, "tenant", tenant != NULL ? tenant->slug : NULL);
    json_put_bool(w, "may_write", may && permission_check(&ask, PERMISSION_WRITE, &why) == 0);
    json_put_bool(w, "may_change", may && permission_check(&ask, PERMISSION_OWN, &why) == 0);
    if (put_rows(&ask, w, err) != 0)
        return -1;
    json_close(w);
    return 0;
}

static void answer_access(struct call *c, const struct asked *a)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (asked_went_well(c, write_access(c, a, &w, &err), &err))
        call_json(c, 200, &out);
}

static void get_api_access(struct call *c)
{
    struct asked a;
    if (ask_people(c, &a))
        answer_access(c, &a);
}

/* One change in the API's name, then what is there now. */
static void change_api(struct call *c,
                       int (*run)(struct call *c, const struct change *change, struct err *err))
{
    struct asked a;
    struct err err;
    if (!asked_to_write(c, &a))
        return;
    struct change change = asked_change(c, &a);
    if (asked_went_well(c, run(c, &change, &err), &err))
        answer_access(c, &a);
}

static int run_put_team(struct call *c, const struct change *change, struct err *err)
{
    const struct json *doc;
    struct text permission = TEXT_NONE;
    if (call_json_body(c, &doc, err) != 0 ||
        json_need_text(doc, "permission", &permission, err) != 0)
        return -1;
    return change_grant(change, call_param(c, "team"), permission, err);
}

static int run_delete_team(struct call *c, const struct change *change, struct err *err)
{
    return change_grant(change, call_param(c, "team"), TEXT_NONE, err);
}

static void put_api_team(struct call *c)
{
    change_api(c, run_put_team);
}

static void delete_api_team(struct call *c)
{
    change_api(c, run_delete_team);
}

#define ROW(verb, where, what, text)                                                               \
    {                                                                                              \
        .method = (verb), .path = (where), .handle = (what), .who = WHO_USER, .summary = (text)    \
    }
#define API(verb, where, what, text, in)                                                           \
    {                                                                                              \
        .method = (verb), .path = "/api/v1/packages/:pkg/access" where, .handle = (what),          \
        .who = WHO_USER, .summary = (text), .body = (in), .answer = "PackageAccess"                \
    }

static const struct route table[] = {
    {.method = "GET",
     .path = "/npm/-/package/:pkg/visibility",
     .handle = get_visibility,
     .faces = FACES,
     .summary = "Whether everybody may read it"},
    ROW("GET", "/npm/-/package/:pkg/access", get_access, "Public or restricted"),
    ROW("POST", "/npm/-/package/:pkg/access", post_access,
        "Asks a second factor of who publishes it; public or not is what its name says"),
    ROW("GET", "/npm/-/package/:pkg/collaborators", get_collaborators, "Who may read and write it"),
    ROW("PUT", "/npm/-/package/:pkg/owners", put_owner, "Adds an owner"),
    ROW("DELETE", "/npm/-/package/:pkg/owners/:user", delete_owner, "Removes an owner"),
    API("GET", "", get_api_access, "Owners, teams, and who may write", NULL),
    API("PUT", "/teams/:team", put_api_team, "Gives a team a permission", "PackageGrant"),
    API("DELETE", "/teams/:team", delete_api_team, "Takes a team's permission back", NULL),
};

int routes_access(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
