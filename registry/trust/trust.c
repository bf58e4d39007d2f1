#include "registry/trust/trust.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/trust/issuer.h"

static int check_new(struct db_conn *conn, struct pool *pool, const struct trust *trust,
                     struct err *err)
{
    static const char count[] = "SELECT count(*) FROM trust WHERE package = ?";
    struct issuer issuer;
    int64_t n = 0;
    if (!trust->publish && !trust->stage)
        return err_set(err, ERR_UNPROCESSABLE, "bad_permission",
                       "Say what it may: publish, stage, or both.");
    if (text_has(trust->package, '*'))
        return err_set(err, ERR_UNPROCESSABLE, "bad_package_name",
                       "A package with a star in its name cannot trust a publisher.");
    if (issuer_by_name(conn, pool, trust->issuer, &issuer, err) != 0 ||
        db_get(conn, pool, err, count, "s", "i", trust->package, &n) != 0)
        return -1;
    return n < TRUST_MOST ? 0
                          : err_set(err, ERR_TOO_MANY, "too_many_publishers",
                                    "A package trusts at most %d publishers.", TRUST_MOST);
}

int trust_add(struct registry *registry, const struct trust *trust, char id[27], struct err *err)
{
    static const char sql[] =
        "INSERT INTO trust (id, package, tenant, issuer, claims, document, publish, stage,"
        " created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    auto_pool struct pool *pool = pool_new();
    auto_tx struct db_tx tx = {0};
    random_id(id);
    if (db_begin(&tx, registry->config.control, err) != 0 ||
        check_new(tx.conn, pool, trust, err) != 0 ||
        db_do(tx.conn, err, sql, "zszsssiiis", id, trust->package, trust->tenant, trust->issuer,
              trust->claims, trust->document, (int64_t)trust->publish, (int64_t)trust->stage,
              clock_wall_ms(), trust->by) < 0)
        return -1;
    return db_commit(&tx, err);
}

int trust_remove(struct registry *registry, struct text package, const char *tenant, struct text id,
                 struct err *err)
{
    static const char sql[] = "DELETE FROM trust WHERE id = ? AND package = ? AND tenant IS ?";
    auto_pool struct pool *pool = pool_new();
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, err) != 0)
        return -1;
    int n = db_do(tx.conn, err, sql, "ssz", id, package, tenant);
    if (n == 0)
        return err_set(err, ERR_NOT_FOUND, "trust_not_found", "There is no such publisher.");
    if (n < 0 || db_commit(&tx, err) != 0)
        return -1;
    return account_instance_tokens_retire(registry->config.account, text_c(pool, id), INT64_MAX,
                                          err);
}

int trust_list(struct registry *registry, struct text package, const char *tenant, bool as_npm,
               struct json_writer *w, struct err *err)
{
    static const char own[] =
        "SELECT id, issuer, claims AS \"claims!\", publish AS \"publish?\", stage AS \"stage?\","
        " created_at AS \"created_at@\", created_by, last_used_at AS \"last_used_at@\","
        " last_refused_at AS \"last_refused_at@\", last_refused FROM trust WHERE package = ?"
        " AND tenant IS ? ORDER BY id";
    static const char npm[] =
        "SELECT id, issuer AS type, coalesce(document, claims) AS \"claims!\","
        " CASE WHEN publish AND stage THEN '[\"createPackage\",\"createStagedPackage\"]'"
        " WHEN publish THEN '[\"createPackage\"]' ELSE '[\"createStagedPackage\"]' END"
        " AS \"permissions!\" FROM trust WHERE package = ? AND tenant IS ? ORDER BY id";
    auto_read struct db_read r = db_read(registry->config.control, err);
    return r.conn == NULL ? -1 : db_json(w, r.conn, err, as_npm ? npm : own, "sz", package, tenant);
}

int trust_add_issuer(struct registry *registry, struct text name, struct text url, struct text by,
                     struct err *err)
{
    static const char count[] = "SELECT count(*) FROM trust_issuer";
    static const char sql[] = "INSERT INTO trust_issuer (name, url, created_at, created_by)"
                              " VALUES (?, ?, ?, ?)";
    struct issuer issuer = {name, url.len > 0 ? url : issuer_preset(name)};
    auto_pool struct pool *pool = pool_new();
    auto_tx struct db_tx tx = {0};
    int64_t n = 0;
    if (issuer_check(&issuer, err) != 0 || db_begin(&tx, registry->config.control, err) != 0 ||
        db_get(tx.conn, pool, err, count, "", "i", &n) != 0)
        return -1;
    if (n >= ISSUERS_MOST)
        return err_set(err, ERR_TOO_MANY, "too_many_issuers",
                       "The platform believes at most %d issuers.", ISSUERS_MOST);
    if (db_do(tx.conn, err, sql, "ssis", issuer.name, issuer.url, clock_wall_ms(), by) < 0)
        return err->kind == ERR_CONFLICT
                   ? err_set(err, ERR_CONFLICT, "issuer_exists",
                             "There is an issuer with this name or address already.")
                   : -1;
    return db_commit(&tx, err);
}

int trust_remove_issuer(struct registry *registry, struct text name, struct err *err)
{
    static const char rows[] = "SELECT id FROM trust WHERE issuer = ? AND EXISTS (SELECT 1 FROM "
                               "token WHERE instance = trust.id)";
    static const char sql[] = "DELETE FROM trust_issuer WHERE name = ?";
    auto_pool struct pool *pool = pool_new();
    struct row {
        struct text id;
        struct row *next;
    } *with_tokens = NULL, row;
    {
        auto_tx struct db_tx tx = {0};
        auto_rows struct db_rows q = {0};
        if (db_begin(&tx, registry->config.control, err) != 0 ||
            db_each (&q, tx.conn, err, rows, "s", name) != 0)
            return -1;
        while (db_next(&q, pool, "s", &row.id)) {
            row.next = with_tokens;
            with_tokens = pool_alloc(pool, sizeof row);
            *with_tokens = row;
        }
        db_rows_end(&q);
        int n = q.failed ? -1 : db_do(tx.conn, err, sql, "s", name);
        if (n == 0)
            return err_set(err, ERR_NOT_FOUND, "issuer_not_found", "There is no such issuer.");
        if (n < 0 || db_commit(&tx, err) != 0)
            return -1;
    }
    for (; with_tokens != NULL; with_tokens = with_tokens->next)
        if (account_instance_tokens_retire(registry->config.account, text_c(pool, with_tokens->id),
                                           INT64_MAX, err) != 0)
            return -1;
    return 0;
}
