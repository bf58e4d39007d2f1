/* Who may what with a package: owners and the grants of teams. */
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/change_part.h"

#define MAX_OWNERS 100
#define MAX_GRANTS 100

static int add_owner(const struct change *c, struct db_conn *conn, struct text user,
                     struct err *err)
{
    const char *id = account_user_by_name(c->accounts, user);
    if (id == NULL)
        return err_set(err, ERR_UNPROCESSABLE, "unknown_user", "There is no user \"%.*s\".",
                       TEXT_ARG(text_sub(user, 0, 64)));
    return package_add_owner(conn, c->name, text_of(id), user, err);
}

/* Who they are from now on. */
static int tell_owners(const struct change *c, struct db_conn *conn, struct err *err)
{
    static const char sql[] = "SELECT name FROM package_owner WHERE package = ? ORDER BY name";
    struct text names[MAX_OWNERS];
    struct hook_note note = {.event = HOOK_OWNER, .owners = names};
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, sql, "s", c->name) != 0)
        return -1;
    while (note.n_owners < MAX_OWNERS && db_next(&q, c->pool, "s", &names[note.n_owners]))
        note.n_owners++;
    return q.failed ? -1 : change_tell(c, conn, note, err);
}

int change_owners(const struct change *c, const struct json *doc, struct text rev, struct err *err)
{
    struct package p;
    const struct json *list = json_get(doc, "maintainers");
    auto_tx struct db_tx tx = {0};
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0 || list->count > MAX_OWNERS)
        return err_set(err, ERR_UNPROCESSABLE, "bad_owners", "A package has 1 to %d owners.",
                       MAX_OWNERS);
    /* yarn 1 asks for the abbreviated form, which has no revision, and sends what it did not find.
     */
    if (text_is(rev, "undefined"))
        rev = TEXT_NONE;
    if (change_begin(c, PERMISSION_OWN, &tx, rev, &p, err) != 0 ||
        package_clear_owners(tx.conn, c->name, err) != 0)
        return -1;
    json_each (owner, list) {
        struct text name = TEXT_NONE;
        if (json_need_text(owner, "name", &name, err) != 0 || add_owner(c, tx.conn, name, err) != 0)
            return -1;
    }
    return tell_owners(c, tx.conn, err) != 0 ? -1 : change_end(c, &tx, err);
}

/* The last owner stays, so that somebody can. */
int change_owner(const struct change *c, struct text user, bool is, struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM package_owner WHERE package = ?";
    struct package p;
    int64_t n;
    auto_tx struct db_tx tx = {0};
    if (change_begin(c, PERMISSION_OWN, &tx, TEXT_NONE, &p, err) != 0 ||
        (is ? add_owner(c, tx.conn, user, err)
            : package_remove_owner(tx.conn, c->name, user, err)) != 0 ||
        db_get(tx.conn, c->pool, err, sql, "s", "i", c->name, &n) != 0)
        return -1;
    if (n == 0 || n > MAX_OWNERS)
        return err_set(err, ERR_UNPROCESSABLE, "bad_owners",
                       "A package has 1 to %d owners: name another one first.", MAX_OWNERS);
    return tell_owners(c, tx.conn, err) != 0 ? -1 : change_end(c, &tx, err);
}

static int revoke(const struct change *c, struct db_conn *conn, struct text team, struct err *err)
{
    static const char sql[] = "DELETE FROM team_package WHERE package = ? AND team = ?";
    int rows = db_do(conn, err, sql, "ss", c->name, team);
    if (rows == 0)
        return err_set(err, ERR_NOT_FOUND, "grant_not_found",
                       "The team \"%.*s\" has no permission for \"%.*s\".",
                       TEXT_ARG(text_sub(team, 0, 64)), TEXT_ARG(c->name));
    return rows < 0 ? -1 : 0;
}

static int put_grant(const struct change *c, struct db_conn *conn, struct text team,
                     struct text permission, struct err *err)
{
    static const char sql[] =
        "INSERT INTO team_package (tenant, team, package, permission) SELECT tenant, name, ?3, ?4 "
        "FROM team WHERE tenant = ?1 AND name = ?2 "
        "ON CONFLICT (package, team) DO UPDATE SET permission = excluded.permission";
    static const char count_sql[] = "SELECT count(*) FROM team_package WHERE package = ?";
    int64_t n;
    int rows = db_do(conn, err, sql, "zsss", c->tenant, team, c->name, permission);
    if (rows == 0)
        return err_set(err, ERR_NOT_FOUND, "team_not_found", "There is no team \"%.*s\".",
                       TEXT_ARG(text_sub(team, 0, 64)));
    if (rows < 0 || db_get(conn, c->pool, err, count_sql, "s", "i", c->name, &n) != 0)
        return -1;
    return n <= MAX_GRANTS
               ? 0
               : err_set(err, ERR_UNPROCESSABLE, "too_many_grants",
                         "At most %d teams have a permission for a package.", MAX_GRANTS);
}

int change_grant(const struct change *c, struct text team, struct text permission, struct err *err)
{
    struct package p;
    auto_tx struct db_tx tx = {0};
    if (c->tenant == NULL)
        return err_set(err, ERR_FORBIDDEN, "not_a_tenants",
                       "\"%.*s\" belongs to no tenant, and teams are groups inside a tenant. Add "
                       "owners instead: npm owner add.",
                       TEXT_ARG(c->name));
    if (permission.base != NULL && !text_is(permission, "read-only") &&
        !text_is(permission, "read-write"))
        return err_set(err, ERR_UNPROCESSABLE, "bad_permission",
                       "A permission is read-only or read-write.");
    if (change_begin(c, PERMISSION_OWN, &tx, TEXT_NONE, &p, err) != 0 ||
        (permission.base != NULL ? put_grant(c, tx.conn, team, permission, err)
                                 : revoke(c, tx.conn, team, err)) != 0)
        return -1;
    return change_end(c, &tx, err);
}
