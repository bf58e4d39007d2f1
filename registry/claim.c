#include "registry/claim.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/area.h"
#include "registry/origin.h"
#include "registry/pkgname.h"
#include "registry/uplink/uplinks.h"

static int check_name(struct text name, struct err *err)
{
    if (pkgname_check_new(name, err) != 0)
        return -1;
    if (name.base[0] == '@')
        return err_set(
            err, ERR_UNPROCESSABLE, "bad_package_name",
            "Only a name without a scope is claimed; a scope belongs to its tenant already.");
    return 0;
}

/* The name changed hands: nothing that was remembered of it holds. */
static int turn_over(struct registry *registry, struct pool *pool, struct text name,
                     struct err *err)
{
    if (origin_reload(registry, err) != 0)
        return -1;
    uplinks_forget(registry->uplinks, name);
    registry_changed(registry, NULL, name);
    return 0;
}

int claim_create(struct registry *registry, struct pool *pool, struct claim *claim, struct err *err)
{
    static const char sql[] =
        "INSERT INTO package_claim (name, tenant, created_at, created_by, took_over) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    static const char served_sql[] =
        "SELECT (SELECT count(*) FROM uplink_document WHERE name = ?1) + "
        "(SELECT count(*) FROM uplink_tarball WHERE name = ?1)";
    int64_t served;
    claim->created_ms = clock_wall_ms();
    auto_tx struct db_tx tx = {0};
    if (check_name(claim->name, err) != 0 || db_begin(&tx, registry->config.control, err) != 0 ||
        db_get(tx.conn, pool, err, served_sql, "s", "i", claim->name, &served) != 0)
        return -1;
    if (served > 0 && !claim->take_over)
        return err_set(
            err, ERR_CONFLICT, "served_before",
            "Public versions of \"%.*s\" were served already, so that what is installed would "
            "change its origin. Claim it with --take-over if that is meant.",
            TEXT_ARG(claim->name));
    int rows = db_do(tx.conn, err, sql, "szisi", claim->name, claim->tenant, claim->created_ms,
                     claim->by, (int64_t)(served > 0));
    if (rows == 0)
        return err_set(err, ERR_CONFLICT, "claimed", "\"%.*s\" is claimed already.",
                       TEXT_ARG(claim->name));
    if (rows < 0 || db_commit(&tx, err) != 0)
        return -1;
    return turn_over(registry, pool, claim->name, err);
}

int claim_remove(struct registry *registry, struct pool *pool, struct text name, struct err *err)
{
    static const char used_sql[] = "SELECT count(*) FROM package WHERE name = ?";
    static const char sql[] = "DELETE FROM package_claim WHERE name = ?";
    int64_t used;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, err) != 0 ||
        db_get(tx.conn, pool, err, used_sql, "s", "i", name, &used) != 0)
        return -1;
    if (used > 0)
        return err_set(err, ERR_CONFLICT, "claim_in_use",
                       "\"%.*s\" has versions of its tenant. Unpublish it first.", TEXT_ARG(name));
    int rows = db_do(tx.conn, err, sql, "s", name);
    if (rows == 0)
        return err_set(err, ERR_NOT_FOUND, "claim_not_found", "\"%.*s\" is not claimed.",
                       TEXT_ARG(text_sub(name, 0, 80)));
    if (rows < 0 || db_commit(&tx, err) != 0)
        return -1;
    return turn_over(registry, pool, name, err);
}
