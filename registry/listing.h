/*
 * Which packages somebody may see, in the order of names: for lists of the portal; or
 * in the order in which a search found them. Reads the summaries in the rows of package; nothing is
 * parsed that was not asked for.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct db_conn;
struct err;
struct identity;
struct pool;
struct registry;
struct search_hit;

struct listing_row {
    struct text name, tenant; /* tenant: id; absent for the platform's scope */
    struct text latest, description, keywords, types, publisher;
    int64_t modified_ms, versions;
    bool deprecated;
};

struct listing {
    const struct registry *registry;
    const struct identity *who;
    const char *tenant; /* only of this tenant (id); NULL: of all */
    struct text after;  /* only names behind it; absent: from the start */
};

/* Calls fn for each row until it returns false. Rows live in pool. */
int listing_each(const struct listing *listing, struct db_conn *conn, struct pool *pool,
                 bool (*fn)(void *arg, const struct listing_row *row), void *arg, struct err *err);
/* The n packages that a search found and that the asker may see, likewise. */
int listing_found(struct db_conn *conn, struct pool *pool, const struct search_hit *hits, size_t n,
                  bool (*fn)(void *arg, const struct listing_row *row), void *arg, struct err *err);
