#include "registry/quota/quota.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"

/* In use alone. */
static int read_use(struct db_conn *conn, struct pool *pool, const char *tenant, struct quota *q,
                    struct err *err)
{
    static const char sql[] =
        "SELECT coalesce(sum(v.bytes), 0), count(v.bytes) FROM package AS p JOIN package_version "
        "AS v INDEXED BY package_version_bytes ON v.package = p.name WHERE p.tenant = ?";
    return db_get(conn, pool, err, sql, "z", "ii", tenant, &q->bytes, &q->versions);
}

static int read_limits(struct db_conn *conn, struct pool *pool, const char *tenant, struct quota *q,
                       struct err *err)
{
    static const char sql[] =
        "SELECT coalesce(bytes, -1), coalesce(versions, -1) FROM package_quota WHERE tenant = ?";
    struct err why;
    q->max_bytes = q->max_versions = -1;
    if (db_get(conn, pool, &why, sql, "z", "ii", tenant, &q->max_bytes, &q->max_versions) == 0 ||
        why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, why.code, "%s", why.text);
}

int quota_read(struct db_conn *conn, struct pool *pool, const char *tenant, struct quota *out,
               struct err *err)
{
    struct quota q;
    if (read_limits(conn, pool, tenant, &q, err) != 0 || read_use(conn, pool, tenant, &q, err) != 0)
        return -1;
    *out = q;
    return 0;
}

int quota_set(struct db_conn *conn, const char *tenant, int64_t max_bytes, int64_t max_versions,
              const char *by, struct err *err)
{
    static const char sql[] =
        "INSERT INTO package_quota (tenant, bytes, versions, changed_by, changed_at) VALUES (?, "
        "iif(?2 < 0, NULL, ?2), iif(?3 < 0, NULL, ?3), ?4, ?5) ON CONFLICT (tenant) DO UPDATE SET "
        "bytes = excluded.bytes, versions = excluded.versions, changed_by = excluded.changed_by, "
        "changed_at = excluded.changed_at";
    return db_do(conn, err, sql, "ziizi", tenant, max_bytes, max_versions, by, clock_wall_ms()) < 0
               ? -1
               : 0;
}

int quota_check(struct db_conn *conn, struct pool *pool, const char *tenant, int64_t bytes,
                struct err *err)
{
    struct quota q = {0};
    if (tenant == NULL)
        return 0;
    if (read_limits(conn, pool, tenant, &q, err) != 0)
        return -1;
    if (q.max_bytes < 0 && q.max_versions < 0)
        return 0;
    if (read_use(conn, pool, tenant, &q, err) != 0)
        return -1;
    if (q.max_versions >= 0 && q.versions >= q.max_versions)
        return err_set(err, ERR_FORBIDDEN, "quota_versions",
                       "The tenant has %lld of %lld versions that it may keep. Unpublish some, or "
                       "ask an administrator for more.",
                       (long long)q.versions, (long long)q.max_versions);
    if (q.max_bytes >= 0 && q.bytes + bytes > q.max_bytes)
        return err_set(err, ERR_TOO_LARGE, "quota_bytes",
                       "The tenant's packages have %lld of %lld bytes, and this one has %lld. "
                       "Unpublish some versions, or ask an administrator for more.",
                       (long long)q.bytes, (long long)q.max_bytes, (long long)bytes);
    return 0;
}
