#include "registry/team/team.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/name.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/limits.h"
#include "registry/area.h"

#define MAX_TEAMS 200
#define MAX_DESCRIPTION 500

int team_check_whole(const struct identity *who, struct err *err)
{
    return who->kind == IDENTITY_TOKEN && limits_narrow(who->limits)
               ? err_set(err, ERR_FORBIDDEN, "narrow_token",
                         "A token with limits cannot change members or teams: npm login.")
               : 0;
}

int team_check_right(const struct identity *who, const char *tenant, struct err *err)
{
    if ((who->admin || identity_role(who, tenant) == ROLE_OWNER) &&
        identity_may(who, tenant, SCOPE_PACKAGE_PUBLISH))
        return team_check_whole(who, err);
    return err_set(err, ERR_FORBIDDEN, "forbidden",
                   "Only the tenant's owners change its teams, with a token that may publish.");
}

static int not_found(const struct team *team, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "team_not_found", "There is no team \"%.*s\".",
                   TEXT_ARG(text_sub(team->name, 0, 64)));
}

static int check_description(struct text description, struct err *err)
{
    return description.len <= MAX_DESCRIPTION
               ? 0
               : err_set(err, ERR_UNPROCESSABLE, "bad_description",
                         "A description has at most %d characters.", MAX_DESCRIPTION);
}

int team_create(const struct team *team, struct text description, struct err *err)
{
    static const char count_sql[] = "SELECT count(*) FROM team WHERE tenant = ?";
    static const char sql[] = "INSERT INTO team (tenant, name, description, created_at) "
                              "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    auto_pool struct pool *pool = pool_new();
    int64_t n;
    auto_tx struct db_tx tx = {0};
    if (name_check_slug(team->name, "The team's name", "bad_team", err) != 0 ||
        check_description(description, err) != 0 ||
        db_begin(&tx, team->registry->config.control, err) != 0 ||
        db_get(tx.conn, pool, err, count_sql, "z", "i", team->tenant, &n) != 0)
        return -1;
    if (n >= MAX_TEAMS)
        return err_set(err, ERR_UNPROCESSABLE, "too_many_teams", "The tenant has %d teams already.",
                       MAX_TEAMS);
    int rows = db_do(tx.conn, err, sql, "zssi", team->tenant, team->name,
                     description.base != NULL ? description : TEXT(""), clock_wall_ms());
    if (rows == 0)
        return err_set(err, ERR_UNPROCESSABLE, "team_exists", "There is a team \"%.*s\" already.",
                       TEXT_ARG(team->name));
    return rows < 0 ? -1 : db_commit(&tx, err);
}

int team_describe(const struct team *team, struct text description, struct err *err)
{
    static const char sql[] = "UPDATE team SET description = ? WHERE tenant = ? AND name = ?";
    auto_tx struct db_tx tx = {0};
    if (check_description(description, err) != 0 ||
        db_begin(&tx, team->registry->config.control, err) != 0)
        return -1;
    int rows = db_do(tx.conn, err, sql, "szs", description, team->tenant, team->name);
    if (rows == 0)
        return not_found(team, err);
    return rows < 0 ? -1 : db_commit(&tx, err);
}

int team_remove(const struct team *team, struct err *err)
{
    static const char sql[] = "DELETE FROM team WHERE tenant = ? AND name = ?";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, team->registry->config.control, err) != 0)
        return -1;
    int rows = db_do(tx.conn, err, sql, "zs", team->tenant, team->name);
    if (rows == 0)
        return not_found(team, err);
    return rows < 0 ? -1 : db_commit(&tx, err);
}

/* Is there such a team, and is the user one of the tenant? */
static int find(const struct team *team, struct db_conn *conn, struct text user, int64_t *there,
                int64_t *member, struct err *err)
{
    static const char sql[] = "SELECT EXISTS (SELECT 1 FROM team WHERE tenant = ?1 AND name = ?2), "
                              "EXISTS (SELECT 1 FROM member AS m JOIN user AS u ON u.id = m.user "
                              "WHERE m.tenant = ?1 AND u.name = ?3)";
    auto_pool struct pool *pool = pool_new();
    return db_get(conn, pool, err, sql, "zss", "ii", team->tenant, team->name, user, there, member);
}

int team_add_user(const struct team *team, struct text user, struct err *err)
{
    static const char sql[] =
        "INSERT INTO team_member (tenant, team, user, since) "
        "SELECT ?1, ?2, id, ?4 FROM user WHERE name = ?3 ON CONFLICT DO NOTHING";
    int64_t there, member;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, team->registry->config.control, err) != 0 ||
        find(team, tx.conn, user, &there, &member, err) != 0)
        return -1;
    if (!there)
        return not_found(team, err);
    if (!member)
        return err_set(err, ERR_UNPROCESSABLE, "not_a_member",
                       "\"%.*s\" is no member of the tenant. Make them one first: npm org set.",
                       TEXT_ARG(text_sub(user, 0, 64)));
    if (db_do(tx.conn, err, sql, "zssi", team->tenant, team->name, user, clock_wall_ms()) < 0)
        return -1;
    return db_commit(&tx, err);
}

int team_remove_user(const struct team *team, struct text user, struct err *err)
{
    static const char sql[] = "DELETE FROM team_member WHERE tenant = ? AND team = ? AND user = "
                              "(SELECT id FROM user WHERE name = ?)";
    int64_t there, member;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, team->registry->config.control, err) != 0 ||
        find(team, tx.conn, user, &there, &member, err) != 0)
        return -1;
    if (!there)
        return not_found(team, err);
    int rows = db_do(tx.conn, err, sql, "zss", team->tenant, team->name, user);
    if (rows == 0)
        return err_set(err, ERR_NOT_FOUND, "user_not_found", "\"%.*s\" is not in the team.",
                       TEXT_ARG(text_sub(user, 0, 64)));
    return rows < 0 ? -1 : db_commit(&tx, err);
}
