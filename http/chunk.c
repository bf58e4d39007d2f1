#include "http/chunk.h"

#include "core/pool.h"

#include <stdlib.h>

#define MAX_SPARE 64

struct chunk *chunk_new(struct chunk_pool *pool)
{
    struct chunk *chunk = pool->spare;

    if (chunk != NULL) {
        pool->spare = chunk->next;
        pool->n_spare--;
    } else {
        chunk = xmalloc(sizeof(*chunk));
    }
    chunk->next = NULL;
    chunk->start = chunk->end = 0;
    return chunk;
}

void chunk_free(struct chunk_pool *pool, struct chunk *chunk)
{
    if (chunk == NULL)
        return;
    if (pool->n_spare == MAX_SPARE) {
        free(chunk);
        return;
    }
    chunk->next = pool->spare;
    pool->spare = chunk;
    pool->n_spare++;
}

void chunk_pool_release(struct chunk_pool *pool)
{
    while (pool->spare != NULL) {
        struct chunk *chunk = pool->spare;
        pool->spare = chunk->next;
        free(chunk);
    }
    pool->n_spare = 0;
}
