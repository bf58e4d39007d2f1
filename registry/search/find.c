/* Which packages a query finds, and in which order. */
#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/origin.h"
#include "registry/search/query.h"
#include "registry/search/search.h"

#include <stdlib.h>

#define EXACT 1000000000000 /* before all that is found by words */
#define YEAR_MS INT64_C(31557600000)

struct finding {
    const struct search_weights *weights;
    int64_t now_ms;
    struct search_hit *hits;
    size_t n, room;
};

/* What both statements ask of a row beside its words. ?2 all, ?3 tenants, ?4 the platform's scope,
 * ?5 scope, ?6 author, ?7 maintainer, ?8 to ?10 keywords, ?11 to ?13 wishes, ?15 names. */
#define SEEN                                                                                       \
    "(?2 OR s.tenant IN (SELECT value FROM json_each(?3)) OR (?4 AND s.tenant IS NULL)) "          \
    "AND (?5 IS NULL OR s.scope = ?5) "                                                            \
    "AND (?6 IS NULL OR s.publisher = ?6 OR instr(s.author, ?6) > 0) "                             \
    "AND (?7 IS NULL OR s.publisher = ?7 OR EXISTS (SELECT 1 FROM package_owner AS o WHERE "       \
    "o.package = s.package AND o.name = ?7)) "                                                     \
    "AND (?8 IS NULL OR EXISTS (SELECT 1 FROM package AS p, json_each(p.keywords) AS k WHERE "     \
    "p.name = s.package AND lower(k.value) IN (SELECT value FROM json_each(?8)))) "                \
    "AND (?9 IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(?9) AS w WHERE w.value NOT IN "        \
    "(SELECT lower(k.value) FROM package AS p, json_each(p.keywords) AS k WHERE p.name = "         \
    "s.package))) "                                                                                \
    "AND (?10 IS NULL OR NOT EXISTS (SELECT 1 FROM package AS p, json_each(p.keywords) AS k "      \
    "WHERE p.name = s.package AND lower(k.value) IN (SELECT value FROM json_each(?10)))) "         \
    "AND (?11 = 0 OR (?11 = 1) = s.deprecated) AND (?12 = 0 OR (?12 = 1) = s.unstable) "           \
    "AND (?13 = 0 OR (?13 = 1) = s.insecure) "                                                     \
    "AND (?15 IS NULL OR EXISTS (SELECT 1 FROM json_each(?15) AS n WHERE s.package GLOB n.value))"

/* The weights of name, words, keywords, types, description and readme. */
static const char words_sql[] = "SELECT s.id, s.quality, s.popularity, s.modified_at, "
                                "CAST(-1000 * bm25(package_text, 10, 6, 5, 6, 3, 1) AS INTEGER), "
                                "(s.package = ?14) * 2 + (s.base = ?14) FROM package_text "
                                "JOIN package_search AS s ON s.id = package_text.rowid "
                                "WHERE package_text MATCH ?1 AND " SEEN;
static const char all_sql[] = "SELECT s.id, s.quality, s.popularity, s.modified_at, 1000, 0 FROM "
                              "package_search AS s WHERE ?1 IS NULL AND ?14 IS NULL AND " SEEN;

static int64_t weight_of(int64_t asked, int64_t usual)
{
    return asked >= 0 ? asked : usual;
}

/* A package that was touched today is worth 1000, one of a year ago half of that. */
static int64_t maintenance_of(int64_t now_ms, int64_t modified_ms)
{
    int64_t age = now_ms > modified_ms ? now_ms - modified_ms : 0;
    return 1000 * YEAR_MS / (YEAR_MS + age);
}

static void add_hit(struct finding *f, const struct search_hit *found, int64_t words, int64_t exact)
{
    struct search_hit hit = *found;
    int64_t q = weight_of(f->weights->quality, 650), p = weight_of(f->weights->popularity, 980),
            m = weight_of(f->weights->maintenance, 500), sum = q + p + m;
    if (sum > 0)
        hit.final = (q * hit.quality + p * hit.popularity + m * hit.maintenance) / sum;
    /* Words decide; what a package is like lifts it by up to the double. */
    hit.score = (words > 0 ? words : 1) * (1000 + hit.final) + exact * EXACT;
    if (f->n == f->room) {
        f->room = f->room == 0 ? 256 : f->room * 2;
        f->hits = xrealloc(f->hits, f->room * sizeof *f->hits);
    }
    f->hits[f->n++] = hit;
}

static int by_score(const void *a, const void *b)
{
    const struct search_hit *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int collect(struct finding *f, struct db_conn *conn, struct pool *pool,
                   const struct sight *sight, const struct query *q, struct err *err)
{
    struct search_hit hit = {0};
    int64_t modified, words, exact;
    auto_rows struct db_rows rows = {0};
    struct text exact_name = q->match.base != NULL && !q->plain ? q->exact : TEXT_NONE;
    if (db_each (&rows, conn, err, q->match.base != NULL ? words_sql : all_sql,
                 "sisissssss"
                 "iiiss",
                 q->match, (int64_t)sight->all, sight->tenants, (int64_t)sight->platform, q->scope,
                 q->author, q->maintainer, q->keywords_any, q->keywords_all, q->keywords_none,
                 (int64_t)q->deprecated, (int64_t)q->unstable, (int64_t)q->insecure, exact_name,
                 sight->names) != 0)
        return -1;
    while (db_next(&rows, pool, "iiiiii", &hit.id, &hit.quality, &hit.popularity, &modified, &words,
                   &exact)) {
        hit.maintenance = maintenance_of(f->now_ms, modified);
        add_hit(f, &hit, words, exact);
    }
    return rows.failed ? -1 : 0;
}

int search_find(struct db_conn *conn, struct pool *pool, const struct sight *sight,
                const struct query *query, const struct search_weights *weights,
                struct search_hits *hits, struct err *err)
{
    struct finding f = {.weights = weights, .now_ms = clock_wall_ms()};
    if (!query->empty && collect(&f, conn, pool, sight, query, err) != 0) {
        free(f.hits);
        return -1;
    }
    if (f.n > 1)
        qsort(f.hits, f.n, sizeof *f.hits, by_score);
    *hits = (struct search_hits){f.hits, f.n};
    return 0;
}
