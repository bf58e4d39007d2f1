#include "registry/advisory/advisory.h"

#include "core/db.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/advisory/osv.h"

static int withdraw(struct db_conn *conn, struct text id, struct err *err)
{
    static const char sql[] = "DELETE FROM advisory WHERE id = ? AND own = 0";
    return db_do(conn, err, sql, "s", id) < 0 ? -1 : 0;
}

static int keep_ranges(struct db_conn *conn, int64_t number, const struct osv *osv, struct err *err)
{
    static const char clear_sql[] = "DELETE FROM advisory_range WHERE advisory = ?";
    static const char sql[] =
        "INSERT INTO advisory_range (package, advisory, vulnerable, patched) VALUES (?, ?, ?, ?)";
    if (db_do(conn, err, clear_sql, "i", number) < 0)
        return -1;
    for (size_t i = 0; i < osv->n; i++)
        if (db_do(conn, err, sql, "siss", osv->ranges[i].package, number, osv->ranges[i].vulnerable,
                  osv->ranges[i].patched) < 0)
            return -1;
    return 0;
}

int advisory_keep(struct db_conn *conn, struct pool *pool, const struct osv *osv,
                  enum advisory_change *change, struct err *err)
{
    static const char old_sql[] = "SELECT modified_at FROM advisory WHERE id = ?";
    static const char sql[] =
        "INSERT INTO advisory (id, own, title, url, level, score, vector, aliases, cwe, "
        "published_at, modified_at) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO "
        "UPDATE SET title = excluded.title, url = excluded.url, level = excluded.level, score = "
        "excluded.score, vector = excluded.vector, aliases = excluded.aliases, cwe = excluded.cwe, "
        "published_at = excluded.published_at, modified_at = excluded.modified_at";
    static const char number_sql[] = "SELECT number FROM advisory WHERE id = ?";
    struct text old;
    struct err why;
    int64_t number;
    bool known = db_get(conn, pool, &why, old_sql, "s", "s", osv->id, &old) == 0;
    if (!known && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, why.code, "%s", why.text);
    *change = osv->withdrawn                ? ADVISORY_WITHDRAWN
              : !known                      ? ADVISORY_NEW
              : text_eq(old, osv->modified) ? ADVISORY_SAME
                                            : ADVISORY_CHANGED;
    if (*change == ADVISORY_SAME)
        return 0;
    if (*change == ADVISORY_WITHDRAWN)
        return withdraw(conn, osv->id, err);
    if (db_do(conn, err, sql, "ssssisssss", osv->id, osv->title, osv->url, osv->level,
              (int64_t)osv->score, osv->vector, osv->aliases, osv->cwe, osv->published,
              osv->modified) < 0 ||
        db_get(conn, pool, err, number_sql, "s", "i", osv->id, &number) != 0)
        return -1;
    return keep_ranges(conn, number, osv, err);
}

int advisory_each(struct db_conn *conn, struct pool *pool, struct text package, bool own,
                  bool (*fn)(void *arg, const struct advisory *advisory), void *arg,
                  struct err *err)
{
    static const char sql[] =
        "SELECT a.number, a.id, a.title, a.url, a.level, a.score, a.vector, a.aliases, a.cwe, "
        "r.vulnerable, r.patched, a.published_at, a.modified_at, a.own FROM advisory_range AS r "
        "JOIN advisory AS a ON a.number = r.advisory WHERE r.package = ? AND a.own = ? "
        "ORDER BY a.score DESC, a.number LIMIT 2000";
    struct advisory a;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, sql, "si", package, (int64_t)own) != 0)
        return -1;
    while (db_next(&q, pool, "issssisssssssi", &a.number, &a.id, &a.title, &a.url, &a.level,
                   &a.score, &a.vector, &a.aliases, &a.cwe, &a.vulnerable, &a.patched, &a.published,
                   &a.modified, &a.own))
        if (!fn(arg, &a))
            return 0;
    return q.failed ? -1 : 0;
}
