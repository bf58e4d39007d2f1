/* Organisations and teams as npm asks for them: an organisation is a tenant. */
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/change.h"
#include "registry/otp.h"
#include "registry/permission.h"
#include "registry/team/routes.h"
#include "registry/team/team.h"

#define MAX_ANSWER ((size_t)16 << 20)

/* The tenant of :org; answers when the asker may not know of it. */
static const struct account_tenant *find_org(struct call *c)
{
    struct err err;
    struct text slug = call_param(c, "org");
    if (text_starts(slug, "@"))
        slug = text_sub(slug, 1, slug.len);
    const struct account_tenant *tenant = account_tenant_by_slug(c->accounts, slug);
    if (tenant != NULL && identity_may(c->who, tenant->id, SCOPE_PACKAGE_READ))
        return tenant;
    err_set(&err, ERR_NOT_FOUND, "org_not_found",
            "There is no organisation \"%.*s\" that you belong to. Organisations are tenants here.",
            TEXT_ARG(text_sub(slug, 0, 64)));
    call_fail(c, &err);
    return NULL;
}

/* One text of one row: JSON that SQLite made. */
static void answer_value(struct call *c, const char *sql, const char *tenant, struct text name)
{
    struct registry *registry = c->area;
    struct err err;
    struct text json = TEXT_NONE;
    auto_read struct db_read r = db_read(registry->config.control, &err);
    int failed =
        r.conn == NULL || db_get(r.conn, c->pool, &err, sql, "zs", "s", tenant, name, &json) != 0;
    if (failed && err.kind == ERR_NOT_FOUND)
        err_set(&err, ERR_NOT_FOUND, "team_not_found", "There is no team \"%.*s\".",
                TEXT_ARG(text_sub(name, 0, 64)));
    if (asked_went_well(c, failed ? -1 : 0, &err))
        call_bytes(c, 200, "application/json", json);
}

static void get_members(struct call *c)
{
    static const char sql[] =
        "SELECT json_group_object(name, role) FROM (SELECT u.name AS name, m.role AS role FROM "
        "member AS m JOIN user AS u ON u.id = m.user WHERE m.tenant = ?1 AND ?2 IS NULL "
        "ORDER BY u.name)";
    const struct account_tenant *org = find_org(c);
    if (org != NULL)
        answer_value(c, sql, org->id, TEXT_NONE);
}

static int read_role(const struct json *doc, enum role *role, struct err *err)
{
    struct text word = TEXT("developer");
    if (json_want_text(doc, "role", &word, err) != 0)
        return -1;
    if (text_is(word, "admin"))
        word = TEXT("owner");
    return role_parse(word, role)
               ? 0
               : err_set(err, ERR_UNPROCESSABLE, "bad_role",
                         "The role must be owner (admin is the same), developer, viewer or "
                         "dashboard.");
}

/* The whole right over a tenant's people, which a login by npm does not carry. */
static int change_member(struct call *c, const struct account_tenant *org, enum role role,
                         struct text name, struct err *err)
{
    struct registry *registry = c->area;
    if (!identity_may(c->who, org->id, SCOPE_TENANT_ADMIN))
        return err_set(err, ERR_FORBIDDEN, "forbidden",
                       "Only an owner of \"%s\" changes its members, in the portal or with a token "
                       "of scope tenant:admin; a login by npm only reads and publishes packages.",
                       org->slug);
    if (team_check_whole(c->who, err) != 0)
        return -1;
    const char *user = account_user_by_name(c->accounts, name);
    if (user == NULL)
        return err_set(err, ERR_NOT_FOUND, "user_not_found",
                       "There is no user \"%.*s\". An administrator makes users.",
                       TEXT_ARG(text_sub(name, 0, 64)));
    struct account_member_change change = {c->who, org->id, user, role};
    return account_member_change(registry->config.account, c->pool, &change, err);
}

static void answer_member(struct call *c, const struct account_tenant *org, struct text name,
                          enum role role)
{
    static const char sql[] = "SELECT count(*) FROM member WHERE tenant = ?";
    struct registry *registry = c->area;
    struct json_writer w;
    struct err err;
    int64_t size = 0;
    auto_buf struct buf out = {0};
    auto_read struct db_read r = db_read(registry->config.control, &err);
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    if (!asked_went_well(
            c, r.conn == NULL || db_get(r.conn, c->pool, &err, sql, "z", "i", org->id, &size) != 0,
            &err))
        return;
    json_open(&w);
    json_key(&w, "org");
    json_open(&w);
    json_put_str(&w, "name", org->slug);
    json_put_int(&w, "size", size);
    json_close(&w);
    json_put_text(&w, "user", name);
    json_put_str(&w, "role", role_name(role));
    json_close(&w);
    call_json(c, 200, &out);
}

static void put_member(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct text name = TEXT_NONE;
    enum role role = ROLE_NONE;
    const struct account_tenant *org = find_org(c);
    if (org == NULL || !asked_went_well(c,
                                        call_json_body(c, &doc, &err) != 0 ||
                                            json_need_text(doc, "user", &name, &err) != 0 ||
                                            read_role(doc, &role, &err) != 0 ||
                                            change_member(c, org, role, name, &err) != 0,
                                        &err))
        return;
    answer_member(c, org, name, role);
}

static void delete_member(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct text name = TEXT_NONE;
    const struct account_tenant *org = find_org(c);
    if (org != NULL && asked_went_well(c,
                                       call_json_body(c, &doc, &err) != 0 ||
                                           json_need_text(doc, "user", &name, &err) != 0 ||
                                           change_member(c, org, ROLE_NONE, name, &err) != 0,
                                       &err))
        call_empty(c, 204);
}

static bool sees(void *arg, struct text name, struct text tenant)
{
    struct call *c = arg;
    struct err err;
    struct origin origin = {ORIGIN_PLATFORM, NULL};
    if (tenant.base != NULL)
        origin = (struct origin){ORIGIN_TENANT, text_c(c->pool, tenant)};
    return origin_may_read(c->area, c->who, &origin) &&
           origin_check_limits(c->who, &origin, name, &err) == 0;
}

static void answer_packages(struct call *c, struct permission_list *list)
{
    struct registry *registry = c->area;
    struct json_writer w;
    struct err err;
    auto_buf struct buf out = {0};
    auto_read struct db_read r = db_read(registry->config.control, &err);
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    list->see = sees;
    list->arg = c;
    if (asked_went_well(
            c, r.conn == NULL || permission_packages(list, r.conn, c->pool, &w, &err) != 0, &err))
        call_json(c, 200, &out);
}

static void get_org_packages(struct call *c)
{
    const struct account_tenant *org = find_org(c);
    struct permission_list list = {.user = c->who->user, .all = c->who->admin};
    if (org == NULL)
        return;
    list.tenant = org->id;
    answer_packages(c, &list);
}

static void get_user_packages(struct call *c)
{
    struct err err;
    struct text name = call_param(c, "user");
    struct permission_list list = {.user = account_user_by_name(c->accounts, name)};
    if (list.user == NULL) {
        err_set(&err, ERR_NOT_FOUND, "user_not_found",
                "There is no organisation and no user \"%.*s\" that you may see.",
                TEXT_ARG(text_sub(name, 0, 64)));
        call_fail(c, &err);
        return;
    }
    answer_packages(c, &list);
}

static void get_own_packages(struct call *c)
{
    struct permission_list list = {.user = c->who->user};
    answer_packages(c, &list);
}

static bool wants_cli(struct call *c)
{
    return text_is(call_query(c, "format"), "cli");
}

/* npm and yarn ask for ["acme:devs"], pnpm for [{"name":"devs"}]. */
static void get_teams(struct call *c)
{
    static const char cli_sql[] = "SELECT json_group_array(?2 || ':' || name) FROM "
                                  "(SELECT name FROM team WHERE tenant = ?1 ORDER BY name)";
    static const char sql[] =
        "SELECT json_group_array(json_object('name', name, 'description', description)) FROM "
        "(SELECT name, description FROM team WHERE tenant = ?1 AND ?2 IS NOT NULL ORDER BY name)";
    const struct account_tenant *org = find_org(c);
    if (org != NULL)
        answer_value(c, wants_cli(c) ? cli_sql : sql, org->id, text_of(org->slug));
}

static void get_team_users(struct call *c)
{
#define USERS(value)                                                                               \
    "SELECT (SELECT json_group_array(" value ") FROM (SELECT u.name AS name FROM team_member AS "  \
    "m JOIN user AS u ON u.id = m.user WHERE m.tenant = t.tenant AND m.team = t.name ORDER BY "    \
    "u.name)) FROM team AS t WHERE t.tenant = ?1 AND t.name = ?2"
    static const char cli_sql[] = USERS("name");
    static const char sql[] = USERS("json_object('name', name)");
    const struct account_tenant *org = find_org(c);
    if (org != NULL)
        answer_value(c, wants_cli(c) ? cli_sql : sql, org->id, call_param(c, "team"));
}

static void get_team_packages(struct call *c)
{
    static const char sql[] =
        "SELECT (SELECT json_group_object(package, iif(permission = 'read-write', 'write', 'read'))"
        " FROM (SELECT package, permission FROM team_package WHERE tenant = t.tenant AND "
        "team = t.name ORDER BY package)) FROM team AS t WHERE t.tenant = ?1 AND t.name = ?2";
    const struct account_tenant *org = find_org(c);
    if (org != NULL)
        answer_value(c, sql, org->id, call_param(c, "team"));
}

/* The team of :org and :team, which the asker may change; answers otherwise. */
static bool find_team(struct call *c, struct team *team)
{
    struct err err;
    const struct account_tenant *org = find_org(c);
    if (org == NULL)
        return false;
    *team = (struct team){c->area, org->id, call_param(c, "team")};
    return asked_went_well(c, team_check_right(c->who, org->id, &err), &err) &&
           otp_asked(c->area, c, TEXT_NONE);
}

static void put_team(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct text description = TEXT_NONE;
    struct team team;
    if (!find_team(c, &team) ||
        !asked_went_well(c,
                         call_json_body(c, &doc, &err) != 0 ||
                             json_need_text(doc, "name", &team.name, &err) != 0 ||
                             json_want_text(doc, "description", &description, &err) != 0 ||
                             team_create(&team, description, &err) != 0,
                         &err))
        return;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "name", team.name);
    json_close(&w);
    call_json(c, 201, &out);
}

static void delete_team(struct call *c)
{
    struct err err;
    struct team team;
    if (find_team(c, &team) && asked_went_well(c, team_remove(&team, &err), &err))
        call_empty(c, 204);
}

static void change_user(struct call *c,
                        int (*change)(const struct team *, struct text, struct err *), int status)
{
    struct err err;
    const struct json *doc;
    struct text user = TEXT_NONE;
    struct team team;
    if (!find_team(c, &team) ||
        !asked_went_well(c,
                         call_json_body(c, &doc, &err) != 0 ||
                             json_need_text(doc, "user", &user, &err) != 0 ||
                             change(&team, user, &err) != 0,
                         &err))
        return;
    if (status == 204)
        call_empty(c, 204);
    else
        call_bytes(c, status, "application/json", TEXT("{}"));
}

static void put_team_user(struct call *c)
{
    change_user(c, team_add_user, 201);
}

static void delete_team_user(struct call *c)
{
    change_user(c, team_remove_user, 204);
}

/* The package of the body, which must be the tenant's. */
static bool read_grant(struct call *c, bool need_permission, struct change *change,
                       struct text *permission)
{
    struct err err;
    const struct json *doc;
    struct asked a = {.registry = c->area, .origin = {ORIGIN_NOBODY, NULL}};
    struct text package = TEXT_NONE;
    const struct account_tenant *org = find_org(c);
    if (org == NULL ||
        !asked_went_well(
            c,
            call_json_body(c, &doc, &err) != 0 ||
                json_need_text(doc, "package", &package, &err) != 0 ||
                (need_permission && json_need_text(doc, "permissions", permission, &err) != 0),
            &err))
        return false;
    if (pkgname_split(package, &a.name))
        a.origin = origin_of(a.registry, c->pool, c->accounts, &a.name);
    if (a.origin.kind != ORIGIN_TENANT || !text_is(text_of(org->id), a.origin.tenant)) {
        err_set(&err, ERR_NOT_FOUND, "package_not_found", "\"%s\" has no package \"%.*s\".",
                org->slug, TEXT_ARG(text_sub(package, 0, 214)));
        call_fail(c, &err);
        return false;
    }
    *change = asked_change(c, &a);
    return asked_went_well(c, origin_check_write(a.registry, c->who, &a.origin, package, &err),
                           &err) &&
           otp_asked(a.registry, c, package);
}

static void put_grant(struct call *c)
{
    struct err err;
    struct change change;
    struct text permission = TEXT_NONE;
    if (read_grant(c, true, &change, &permission) &&
        asked_went_well(c, change_grant(&change, call_param(c, "team"), permission, &err), &err))
        call_bytes(c, 200, "application/json", TEXT("{}"));
}

static void delete_grant(struct call *c)
{
    struct err err;
    struct change change;
    struct text none = TEXT_NONE;
    if (read_grant(c, false, &change, &none) &&
        asked_went_well(c, change_grant(&change, call_param(c, "team"), TEXT_NONE, &err), &err))
        call_empty(c, 204);
}

#define ROW(verb, where, what, text)                                                               \
    {                                                                                              \
        .method = (verb), .path = (where), .handle = (what), .who = WHO_USER, .summary = (text)    \
    }

static const struct route table[] = {
    ROW("GET", "/npm/-/org/:org/user", get_members, "The members of an organisation, a tenant"),
    ROW("PUT", "/npm/-/org/:org/user", put_member, "Makes a member, or gives another role"),
    ROW("DELETE", "/npm/-/org/:org/user", delete_member, "Removes a member"),
    ROW("GET", "/npm/-/org/:org/package", get_org_packages,
        "Its packages, and what the asker may do with them"),
    ROW("GET", "/npm/-/org/:org/team", get_teams, "Its teams"),
    ROW("PUT", "/npm/-/org/:org/team", put_team, "Makes a team"),
    ROW("GET", "/npm/-/user/:user/package", get_user_packages,
        "A user's packages, as far as the asker may see them"),
    ROW("GET", "/npm/-/-/package", get_own_packages, "The asker's packages"),
    ROW("DELETE", "/npm/-/team/:org/:team", delete_team, "Removes a team"),
    ROW("GET", "/npm/-/team/:org/:team/user", get_team_users, "Who is in a team"),
    ROW("PUT", "/npm/-/team/:org/:team/user", put_team_user, "Adds a member of the tenant"),
    ROW("DELETE", "/npm/-/team/:org/:team/user", delete_team_user, "Takes somebody out of a team"),
    ROW("GET", "/npm/-/team/:org/:team/package", get_team_packages, "A team's permissions"),
    ROW("PUT", "/npm/-/team/:org/:team/package", put_grant,
        "Gives a team a permission for a package"),
    ROW("DELETE", "/npm/-/team/:org/:team/package", delete_grant, "Takes a permission back"),
};

int team_npm_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
