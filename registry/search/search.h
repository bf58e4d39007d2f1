/*
 * Searches over the packages of this platform. Who may see what is decided inside the query, so
 * that totals are true; answers are kept as ready bytes for everybody who sees the same, until any
 * package changes.
 */
#pragma once

#include "core/text.h"

struct buf;
struct call;
struct db_conn;
struct err;
struct pool;
struct query;
struct registry;
struct router;
struct search;
struct sight;

#define SEARCH_TEXT_MAX 250
#define SEARCH_MAX_SIZE 250
#define SEARCH_MAX_FROM 10000

/* What is kept beside the rows. Indexes packages that were there before there was a search. */
struct search *search_open(struct registry *registry, struct err *err);
void search_close(struct search *search); /* NULL is fine */
/* After a commit that changed any package; any thread. */
void search_changed(struct search *search);

/* How much the three parts of a score weigh, per mille; below 0: as usual. */
struct search_weights {
    int64_t quality, popularity, maintenance;
};

struct search_hit {
    int64_t id;                                      /* of package_search */
    int64_t quality, popularity, maintenance, final; /* per mille */
    int64_t score;                                   /* what hits are ordered by */
};

struct search_hits {
    struct search_hit *all; /* best first; the caller's to free */
    size_t n;
};

/* All that fit. */
int search_find(struct db_conn *conn, struct pool *pool, const struct sight *sight,
                const struct query *query, const struct search_weights *weights,
                struct search_hits *hits, struct err *err);

/* GET /npm/-/v1/search */
int search_routes(struct registry *registry, struct router *router, struct err *err);
