#include "registry/listing.h"

#include "core/db.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/limits.h"
#include "registry/area.h"
#include "registry/origin.h"
#include "registry/search/search.h"

/* Rows of one tenant mostly stand together, so the last judgement is kept. */
static bool may_see(const struct listing *l, struct pool *pool, struct text tenant,
                    struct text *last, bool *may)
{
    if (last->base != NULL && text_eq(*last, tenant))
        return *may;
    struct origin origin = {ORIGIN_PLATFORM, NULL};
    if (tenant.base != NULL)
        origin = (struct origin){ORIGIN_TENANT, text_c(pool, tenant)};
    *may = origin_may_read(l->registry, l->who, &origin);
    *last = tenant.base != NULL ? tenant : TEXT("");
    return *may;
}

int listing_each(const struct listing *listing, struct db_conn *conn, struct pool *pool,
                 bool (*fn)(void *arg, const struct listing_row *row), void *arg, struct err *err)
{
    static const char sql[] =
        "SELECT name, tenant, latest, description, keywords, types, publisher, modified_at, "
        "versions, "
        "deprecated FROM package WHERE name > coalesce(?1, '') AND (?2 IS NULL OR tenant = ?2) "
        "ORDER BY name";
    struct listing_row row;
    struct text last = TEXT_NONE;
    bool may = false;
    int64_t deprecated;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, sql, "sz", listing->after, listing->tenant) != 0)
        return -1;
    while (db_next(&q, pool, "sssssssiii", &row.name, &row.tenant, &row.latest, &row.description,
                   &row.keywords, &row.types, &row.publisher, &row.modified_ms, &row.versions,
                   &deprecated)) {
        row.deprecated = deprecated != 0;
        if (may_see(listing, pool, row.tenant, &last, &may) &&
            limits_allow_name(listing->who->limits, row.name) && !fn(arg, &row))
            return 0;
    }
    return q.failed ? -1 : 0;
}

int listing_found(struct db_conn *conn, struct pool *pool, const struct search_hit *hits, size_t n,
                  bool (*fn)(void *arg, const struct listing_row *row), void *arg, struct err *err)
{
    static const char sql[] =
        "SELECT p.name, p.tenant, p.latest, p.description, p.keywords, p.types, p.publisher, "
        "p.modified_at, p.versions, p.deprecated FROM package_search AS s JOIN package AS p ON "
        "p.name = s.package WHERE s.id = ?";
    struct listing_row row;
    int64_t deprecated;
    for (size_t i = 0; i < n; i++) {
        if (db_get(conn, pool, err, sql, "i", "sssssssiii", hits[i].id, &row.name, &row.tenant,
                   &row.latest, &row.description, &row.keywords, &row.types, &row.publisher,
                   &row.modified_ms, &row.versions, &deprecated) != 0)
            return -1;
        row.deprecated = deprecated != 0;
        if (!fn(arg, &row))
            return 0;
    }
    return 0;
}
