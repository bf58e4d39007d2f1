/*
 * Read buffers of one loop: fixed blocks that come from and return to a short spare list, so that
 * reading from an instance costs neither an allocation nor a growing buffer. Loop's thread only.
 */
#pragma once

#include <stddef.h>

#define CHUNK_BYTES 65536

struct chunk {
    struct chunk *next;
    size_t start, end; /* the bytes not yet used: bytes[start..end) */
    char bytes[CHUNK_BYTES];
};

/* Zeroed to begin. */
struct chunk_pool {
    struct chunk *spare;
    size_t n_spare;
};

struct chunk *chunk_new(struct chunk_pool *pool);
void chunk_free(struct chunk_pool *pool,
                struct chunk *chunk); /* one, not its followers; NULL is fine */
void chunk_pool_release(struct chunk_pool *pool);
