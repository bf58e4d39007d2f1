#include "registry/permission.h"

#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/account.h"

/* A grant's row of package p for user u with read-write. */
#define GRANTED                                                                                    \
    "EXISTS (SELECT 1 FROM team_package AS g JOIN team_member AS t ON t.tenant = g.tenant"         \
    " AND t.team = g.team WHERE g.package = p.name AND g.tenant = p.tenant"                        \
    " AND g.permission = 'read-write' AND t.user = u.id)"
#define OWNED "EXISTS (SELECT 1 FROM package_owner AS o WHERE o.package = p.name AND o.user = u.id)"
#define OPEN "NOT EXISTS (SELECT 1 FROM team_package AS g WHERE g.package = p.name)"
/* May member m, who is user u, write package p of the tenant? */
#define MAY_WRITE                                                                                  \
    "(m.role = 'owner' OR (m.role = 'developer' AND (" OPEN " OR " OWNED " OR " GRANTED ")))"

static int refuse(const struct permission *ask, enum permission_need need, bool open,
                  struct err *err)
{
    if (need == PERMISSION_WRITE && ask->tenant != NULL && !open)
        return err_set(err, ERR_FORBIDDEN, "not_granted",
                       "\"%.*s\" is changed by its owners, by teams with read-write and by the "
                       "tenant's owners only. Ask one of them: npm access list collaborators.",
                       TEXT_ARG(ask->name));
    return err_set(err, ERR_FORBIDDEN, "not_owner", "Only the owners of \"%.*s\"%s may %s.",
                   TEXT_ARG(ask->name), ask->tenant != NULL ? " and of its tenant" : "",
                   need == PERMISSION_WRITE ? "change it" : "remove it or say who owns it");
}

int permission_check(const struct permission *ask, enum permission_need need, struct err *err)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM package_owner WHERE package = p.name), " OPEN ", " OWNED
        ", " GRANTED " FROM package AS p, (SELECT ?2 AS id) AS u WHERE p.name = ?1";
    int64_t owners, open, owned, granted;
    bool trusted = ask->who->kind == IDENTITY_TRUSTED;
    if (ask->who->admin || identity_role(ask->who, ask->tenant) == ROLE_OWNER ||
        (trusted && need == PERMISSION_WRITE))
        return 0;
    if (trusted)
        return err_set(err, ERR_FORBIDDEN, "not_owner",
                       "A trusted publisher publishes and tags; taking away is for people.");
    if (db_get(ask->conn, ask->pool, err, sql, "sz", "iiii", ask->name, ask->who->user, &owners,
               &open, &owned, &granted) != 0)
        return -1;
    bool may_write = owned || (ask->tenant != NULL && (open || granted));
    bool may_own = owned || (ask->tenant != NULL && owners == 0 && may_write);
    return (need == PERMISSION_WRITE ? may_write : may_own) ? 0 : refuse(ask, need, open, err);
}

static void put_person(struct json_writer *w, enum permission_form form, struct text name,
                       bool write)
{
    if (form == PERMISSION_MAP) {
        json_key_text(w, name);
        json_str(w, write ? "write" : "read");
        return;
    }
    json_open(w);
    json_put_text(w, "user", name);
    json_put_str(w, "permissions", write ? "read-write" : "read-only");
    json_close(w);
}

int permission_people(const struct permission *ask, struct text user, enum permission_form form,
                      struct json_writer *w, struct err *err)
{
    static const char member_sql[] =
        "SELECT u.name, " MAY_WRITE " FROM package AS p JOIN member AS m ON m.tenant = p.tenant "
        "JOIN user AS u ON u.id = m.user WHERE p.name = ?1 AND m.role <> 'dashboard' "
        "AND (?2 IS NULL OR u.name = ?2) ORDER BY u.name";
    static const char owner_sql[] = "SELECT name, 1 FROM package_owner WHERE package = ?1 "
                                    "AND (?2 IS NULL OR name = ?2) ORDER BY name";
    struct text name;
    int64_t write;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, ask->conn, err, ask->tenant != NULL ? member_sql : owner_sql, "ss", ask->name,
                 user) != 0)
        return -1;
    if (form == PERMISSION_MAP)
        json_open(w);
    else
        json_open_array(w);
    while (db_next(&q, ask->pool, "si", &name, &write))
        put_person(w, form, name, write != 0);
    if (form == PERMISSION_MAP)
        json_close(w);
    else
        json_close_array(w);
    return q.failed ? -1 : 0;
}

int permission_packages(const struct permission_list *list, struct db_conn *conn, struct pool *pool,
                        struct json_writer *w, struct err *err)
{
    static const char sql[] =
        "SELECT p.name, p.tenant, m.user IS NOT NULL AND " MAY_WRITE
        " OR (p.tenant IS NULL AND " OWNED ") FROM package AS p JOIN (SELECT ?1 AS id) AS u "
        "LEFT JOIN member AS m ON m.tenant = p.tenant AND m.user = u.id "
        "WHERE iif(?2 IS NOT NULL, p.tenant = ?2, m.role <> 'dashboard' OR "
        "(p.tenant IS NULL AND " OWNED ")) ORDER BY p.name";
    struct text name, tenant;
    int64_t write;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, sql, "zz", list->user, list->tenant) != 0)
        return -1;
    json_open(w);
    while (db_next(&q, pool, "ssi", &name, &tenant, &write)) {
        if (!list->see(list->arg, name, tenant))
            continue;
        json_key_text(w, name);
        json_str(w, write != 0 || list->all ? "write" : "read");
    }
    json_close(w);
    return q.failed ? -1 : 0;
}
