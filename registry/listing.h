/*
 * Which packages somebody may see, in the order of names: for searches, lists of the portal and,
 * later, catalogues. Reads the summaries in the rows of package; nothing is parsed that was not
 * asked for.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct db_conn;
struct err;
struct identity;
struct pool;
struct registry;

struct listing_row {
    struct text name, tenant; /* tenant: id; absent for the platform's scope */
    struct text latest, description, keywords, types, publisher;
    int64_t modified_ms, versions;
    bool deprecated;
};

#define LISTING_MAX_WORDS 8

struct listing {
    const struct registry *registry;
    const struct identity *who;
    const char *tenant; /* only of this tenant (id); NULL: of all */
    struct text after;  /* only names behind it; absent: from the start */
    struct text
        words[LISTING_MAX_WORDS]; /* lower case; each stands in name, description or keywords */
    size_t n_words;
};

/* Cuts text into words; what is more than LISTING_MAX_WORDS is left out. */
void listing_words(struct listing *listing, struct pool *pool, struct text text);
/* Calls fn for each row that fits until it returns false. Rows live in pool. */
int listing_each(const struct listing *listing, struct db_conn *conn, struct pool *pool,
                 bool (*fn)(void *arg, const struct listing_row *row), void *arg, struct err *err);
