/* GET /-/v1/search: what npm's search shows of the packages that the asker may see. */
#pragma once

#include "core/text.h"

struct buf;
struct err;
struct identity;
struct pool;
struct registry;

struct search {
    struct text text; /* words and qualifiers: keywords:a, scope:acme, maintainer:u, author:u */
    int64_t size, from;
};

/* Writes {objects, total, time} to out. */
int search_run(struct registry *registry, struct pool *pool, const struct identity *who,
               const struct search *search, struct buf *out, struct err *err);
