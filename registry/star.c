#include "registry/star.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/ready.h"
#include "registry/area.h"

#define MAX_STARS 2000 /* of a person */

/* Only the document shows them: no list, search or catalogue changes. */
static void drop_document(struct registry *registry, struct text name)
{
    auto_pool struct pool *pool = pool_new();
    ready_drop_prefix(registry->config.ready, text_printf(pool, "npm %.*s ", TEXT_ARG(name)));
}

int star_set(struct registry *registry, const struct identity *who, struct text name, bool own,
             struct err *err)
{
    static const char count_sql[] = "SELECT (SELECT count(*) FROM star WHERE user = ?1), "
                                    "EXISTS (SELECT 1 FROM package WHERE name = ?2)";
    static const char sql[] = "INSERT INTO star (user, package, starred_at) VALUES (?, ?, ?) "
                              "ON CONFLICT DO NOTHING";
    auto_pool struct pool *pool = pool_new();
    int64_t n, there;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, err) != 0 ||
        db_get(tx.conn, pool, err, count_sql, "zs", "ii", who->user, name, &n, &there) != 0)
        return -1;
    if (own && !there)
        return err_set(err, ERR_NOT_FOUND, "package_not_found", "There is no package \"%.*s\".",
                       TEXT_ARG(name));
    if (n >= MAX_STARS)
        return err_set(err, ERR_CONFLICT, "too_many_stars",
                       "You have marked %d packages already. Unstar some first.", MAX_STARS);
    if (db_do(tx.conn, err, sql, "zsi", who->user, name, clock_wall_ms()) < 0 ||
        db_commit(&tx, err) != 0)
        return -1;
    drop_document(registry, name);
    return 0;
}

int star_clear(struct registry *registry, const struct identity *who, struct text name,
               struct err *err)
{
    static const char sql[] = "DELETE FROM star WHERE user = ? AND package = ?";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "zs", who->user, name) < 0 || db_commit(&tx, err) != 0)
        return -1;
    drop_document(registry, name);
    return 0;
}

int star_each(struct registry *registry, struct pool *pool, const char *user,
              void (*fn)(void *arg, struct text name), void *arg, struct err *err)
{
    static const char sql[] = "SELECT package FROM star WHERE user = ? ORDER BY package";
    struct text name;
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, err, sql, "z", user) != 0)
        return -1;
    while (db_next(&q, pool, "s", &name))
        fn(arg, name);
    return q.failed ? -1 : 0;
}

int star_users(struct db_conn *conn, struct pool *pool, struct text name, struct text *json,
               struct err *err)
{
    static const char sql[] =
        "SELECT json_group_object(name, json('true')) FROM (SELECT u.name AS name FROM star AS s "
        "JOIN user AS u ON u.id = s.user WHERE s.package = ? ORDER BY u.name LIMIT 1000)";
    return db_get(conn, pool, err, sql, "s", "s", name, json);
}
