/* Teams in the API: GET /api/v1/tenants/:tenant/teams and what hangs on it. */
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/team/routes.h"
#include "registry/team/team.h"

#define MAX_ANSWER ((size_t)4 << 20)

#define COLUMNS                                                                                    \
    "t.name AS name, t.description AS description, t.created_at AS \"created_at@\", "              \
    "(SELECT json_group_array(json_object('user', u.name, 'role', m.role)) FROM team_member AS x " \
    "JOIN user AS u ON u.id = x.user JOIN member AS m ON m.tenant = x.tenant AND m.user = x.user " \
    "WHERE x.tenant = t.tenant AND x.team = t.name) AS \"members!\", "                             \
    "(SELECT json_group_array(json_object('name', g.package, 'permission', g.permission)) FROM "   \
    "team_package AS g WHERE g.tenant = t.tenant AND g.team = t.name) AS \"packages!\""

/* All of them: a tenant has few (team.c bounds them). */
static void get_teams(struct call *c)
{
    static const char sql[] =
        "SELECT " COLUMNS " FROM team AS t WHERE t.tenant = ? ORDER BY t.name";
    struct registry *registry = c->area;
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    auto_read struct db_read r = db_read(registry->config.control, &err);
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    if (!asked_went_well(
            c, r.conn == NULL || db_json(&w, r.conn, &err, sql, "z", c->tenant->id) != 0, &err))
        return;
    json_put_str(&w, "next", NULL);
    json_close(&w);
    call_json(c, 200, &out);
}

static void answer_team(struct call *c, const struct team *team, int status)
{
    static const char sql[] = "SELECT " COLUMNS " FROM team AS t WHERE t.tenant = ? AND t.name = ?";
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    auto_read struct db_read r = db_read(team->registry->config.control, &err);
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (!asked_went_well(c,
                         r.conn == NULL ||
                             db_json(&w, r.conn, &err, sql, "zs", team->tenant, team->name) != 0,
                         &err))
        return;
    /* A list of one, or of none. */
    int failed = out.len <= 2
                     ? err_set(&err, ERR_NOT_FOUND, "team_not_found", "There is no team \"%.*s\".",
                               TEXT_ARG(text_sub(team->name, 0, 64)))
                     : 0;
    if (asked_went_well(c, failed, &err))
        call_bytes(c, status, "application/json",
                   text_dup(c->pool, text_sub(buf_view(&out), 1, out.len - 2)));
}

static struct team team_of(struct call *c)
{
    return (struct team){c->area, c->tenant->id, call_param(c, "team")};
}

static void get_team(struct call *c)
{
    struct team team = team_of(c);
    answer_team(c, &team, 200);
}

static void post_team(struct call *c)
{
    struct team team = {c->area, c->tenant->id, TEXT_NONE};
    struct err err;
    const struct json *doc;
    struct text description = TEXT_NONE;
    if (asked_went_well(c,
                        call_json_body(c, &doc, &err) != 0 ||
                            json_need_text(doc, "name", &team.name, &err) != 0 ||
                            json_want_text(doc, "description", &description, &err) != 0 ||
                            team_create(&team, description, &err) != 0,
                        &err))
        answer_team(c, &team, 201);
}

static void patch_team(struct call *c)
{
    struct team team = team_of(c);
    struct err err;
    const struct json *doc;
    struct text description = TEXT_NONE;
    if (asked_went_well(c,
                        call_json_body(c, &doc, &err) != 0 ||
                            json_need_text(doc, "description", &description, &err) != 0 ||
                            team_describe(&team, description, &err) != 0,
                        &err))
        answer_team(c, &team, 200);
}

static void delete_team(struct call *c)
{
    struct team team = team_of(c);
    struct err err;
    if (asked_went_well(c, team_remove(&team, &err), &err))
        call_empty(c, 204);
}

static void post_user(struct call *c)
{
    struct team team = team_of(c);
    struct err err;
    const struct json *doc;
    struct text user = TEXT_NONE;
    if (asked_went_well(c,
                        call_json_body(c, &doc, &err) != 0 ||
                            json_need_text(doc, "user", &user, &err) != 0 ||
                            team_add_user(&team, user, &err) != 0,
                        &err))
        answer_team(c, &team, 200);
}

static void delete_user(struct call *c)
{
    struct team team = team_of(c);
    struct err err;
    if (asked_went_well(c, team_remove_user(&team, call_param(c, "user"), &err), &err))
        call_empty(c, 204);
}

#define TEAMS "/api/v1/tenants/:tenant/teams"

static const struct route table[] = {
    {.method = "GET",
     .path = TEAMS,
     .handle = get_teams,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "the teams of a tenant",
     .answer = "[Team]"},
    {.method = "POST",
     .path = TEAMS,
     .handle = post_team,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "makes a team",
     .body = "NewTeam",
     .answer = "Team",
     .status = 201},
    {.method = "GET",
     .path = TEAMS "/:team",
     .handle = get_team,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "one team, its members and permissions",
     .answer = "Team"},
    {.method = "PATCH",
     .path = TEAMS "/:team",
     .handle = patch_team,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "describes a team",
     .body = "TeamChange",
     .answer = "Team"},
    {.method = "DELETE",
     .path = TEAMS "/:team",
     .handle = delete_team,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "removes a team and its permissions"},
    {.method = "POST",
     .path = TEAMS "/:team/members",
     .handle = post_user,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "adds a member of the tenant to a team",
     .body = "NewOwner",
     .answer = "Team"},
    {.method = "DELETE",
     .path = TEAMS "/:team/members/:user",
     .handle = delete_user,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "takes somebody out of a team"},
};

int team_api_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
