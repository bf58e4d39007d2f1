#include "registry/claim.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/reserved.h"
#include "registry/area.h"
#include "registry/origin.h"
#include "registry/pkgname.h"
#include "registry/uplink/uplinks.h"

/* "@labs": all names below it. */
static int check_scope(struct registry *registry, struct pool *pool, struct text name,
                       struct err *err)
{
    struct text slug = text_sub(name, 1, name.len);
    const char *shared = registry->config.platform_scope;
    if (pkgname_check_new(text_printf(pool, "%.*s/x", TEXT_ARG(name)), err) != 0)
        return -1;
    struct snapshot *accounts = account_snapshot(registry->config.account);
    bool taken = account_tenant_by_slug(accounts, slug) != NULL;
    snapshot_drop(accounts);
    if (taken || (shared != NULL && text_is(slug, shared)))
        return err_set(err, ERR_CONFLICT, "scope_taken",
                       "The scope \"%.*s\" belongs to the tenant of that slug, or to all, already.",
                       TEXT_ARG(name));
    if (reserved_scope(slug))
        return err_set(err, ERR_CONFLICT, "scope_taken",
                       "\"%.*s\" is a scope of public packages that everybody needs.",
                       TEXT_ARG(name));
    return 0;
}

static int check_name(struct registry *registry, struct pool *pool, struct text name,
                      struct err *err)
{
    if (text_starts(name, "@") && !text_has(name, '/'))
        return check_scope(registry, pool, name, err);
    if (pkgname_check_new(name, err) != 0)
        return -1;
    if (name.base[0] == '@')
        return err_set(err, ERR_UNPROCESSABLE, "bad_package_name",
                       "A name without a scope is claimed, or a whole scope: \"@labs\".");
    return 0;
}

/* Packages below the scope that are another tenant's, who may be gone. */
static int check_packages(struct db_conn *conn, struct pool *pool, const struct claim *claim,
                          struct err *err)
{
    static const char sql[] =
        "SELECT count(*) FROM package WHERE substr(name, 1, length(?1) + 1) = "
        "?1 || '/' AND tenant IS NOT ?2";
    int64_t others;
    if (claim->name.base[0] != '@')
        return 0;
    if (db_get(conn, pool, err, sql, "sz", "i", claim->name, claim->tenant, &others) != 0)
        return -1;
    return others == 0
               ? 0
               : err_set(err, ERR_CONFLICT, "scope_in_use",
                         "\"%.*s\" holds packages of another tenant.", TEXT_ARG(claim->name));
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
        "SELECT (SELECT count(*) FROM uplink_document WHERE name = ?1 OR "
        "substr(name, 1, length(?1) + 1) = ?1 || '/') + "
        "(SELECT count(*) FROM uplink_tarball WHERE name = ?1 OR "
        "substr(name, 1, length(?1) + 1) = ?1 || '/') + "
        "(SELECT count(*) FROM uplink_served WHERE name = ?1 OR "
        "substr(name, 1, length(?1) + 1) = ?1 || '/')";
    int64_t served;
    claim->created_ms = clock_wall_ms();
    auto_tx struct db_tx tx = {0};
    if (check_name(registry, pool, claim->name, err) != 0 ||
        db_begin(&tx, registry->config.control, err) != 0 ||
        check_packages(tx.conn, pool, claim, err) != 0 ||
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
    static const char used_sql[] = "SELECT count(*) FROM package WHERE name = ?1 OR "
                                   "substr(name, 1, length(?1) + 1) = ?1 || '/'";
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
