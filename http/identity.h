/*
 * The x-redhouse-identity header: who is asking, signed for one instance and valid for one minute
 * (docs/runtime.md). A small cache keeps signed values for some seconds, because the many requests
 * of one editor are the same person at the same instance. One cache a loop; not thread-safe.
 */
#pragma once

#include "core/text.h"

#define IDENTITY_LIFE_MS 60000
#define IDENTITY_REUSE_MS 20000 /* so that a value has most of its life left when it arrives */

struct identity_cache;
struct pool;

struct identity_claim {
    struct text instance;     /* id */
    struct text user;         /* user name */
    struct text permissions;  /* "*", "read" or "" */
    struct text name;         /* to show */
    const unsigned char *key; /* 32 bytes, the instance's */
};

/* "PAYLOAD.MAC" in pool, valid until now_ms (wall) plus IDENTITY_LIFE_MS. */
struct text identity_sign(struct pool *pool, const struct identity_claim *claim, int64_t now_ms);

struct identity_cache *identity_cache_new(void);
void identity_cache_free(struct identity_cache *cache);
/* As identity_sign, perhaps with a value made up to IDENTITY_REUSE_MS ago; a view until the next
 * call. */
struct text identity_cached(struct identity_cache *cache, const struct identity_claim *claim,
                            int64_t now_ms);
