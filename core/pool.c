#include "core/pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define EVERY_ALLOCATION_APART 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EVERY_ALLOCATION_APART 1
#endif
#endif

#define ALIGN alignof(max_align_t)
#define CHUNK_FIRST 2048
#define CHUNK_MOST 65536

/* What asks for more than a quarter of a chunk gets memory of its own, so that little is wasted. */
struct chunk {
    struct chunk *next;
    alignas(max_align_t) char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *arg;
};

struct pool {
    struct chunk *chunks;
    struct deferred *deferred;
    char *at;
    size_t left;
    size_t next_chunk;
    size_t size;
};

static _Noreturn void out_of_memory(size_t n)
{
    char line[80];
    int len = snprintf(line, sizeof(line), "out of memory: %zu bytes\n", n);

    if (write(2, line, (size_t)len) < 0)
        abort();
    abort();
}

static size_t sum(size_t a, size_t b)
{
    size_t all;

    if (__builtin_add_overflow(a, b, &all) || all > PTRDIFF_MAX)
        out_of_memory(SIZE_MAX);
    return all;
}

struct pool *pool_new(void)
{
    struct pool *pool = xcalloc(1, sizeof(*pool));

    pool->next_chunk = CHUNK_FIRST;
    return pool;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->deferred != NULL) {
        struct deferred *d = pool->deferred;
        pool->deferred = d->next;
        d->fn(d->arg);
    }
    while (pool->chunks != NULL) {
        struct chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        free(chunk);
    }
    free(pool);
}

static char *chunk_new(struct pool *pool, size_t n)
{
    struct chunk *chunk = xmalloc(sum(sizeof(*chunk), n));

    chunk->next = pool->chunks;
    pool->chunks = chunk;
    return chunk->bytes;
}

void *pool_alloc(struct pool *pool, size_t n)
{
    pool->size = sum(pool->size, n);
#ifdef EVERY_ALLOCATION_APART
    return chunk_new(pool, n);
#endif
    /* nothing still has an address of its own, and is not NULL */
    size_t rounded = sum(n > 0 ? n : 1, ALIGN - 1) & ~(ALIGN - 1);
    if (rounded > pool->left) {
        if (rounded > pool->next_chunk / 4)
            return chunk_new(pool, n);
        pool->at = chunk_new(pool, pool->next_chunk);
        pool->left = pool->next_chunk;
        if (pool->next_chunk < CHUNK_MOST)
            pool->next_chunk *= 2;
    }
    void *p = pool->at;
    pool->at += rounded;
    pool->left -= rounded;
    return p;
}

void *pool_zalloc(struct pool *pool, size_t n)
{
    void *p = pool_alloc(pool, n);

    memset(p, 0, n);
    return p;
}

char *pool_strdup(struct pool *pool, const char *s)
{
    size_t n = strlen(s) + 1;

    return memcpy(pool_alloc(pool, n), s, n);
}

char *pool_vprintf(struct pool *pool, const char *fmt, va_list ap)
{
    va_list again;

    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        return pool_strdup(pool, "");
    char *out = pool_alloc(pool, (size_t)len + 1);
    vsnprintf(out, (size_t)len + 1, fmt, ap);
    return out;
}

char *pool_printf(struct pool *pool, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *out = pool_vprintf(pool, fmt, ap);
    va_end(ap);
    return out;
}

void pool_defer(struct pool *pool, void (*fn)(void *), void *arg)
{
    struct deferred *d = pool_alloc(pool, sizeof(*d));

    d->fn = fn;
    d->arg = arg;
    d->next = pool->deferred;
    pool->deferred = d;
}

size_t pool_size(const struct pool *pool)
{
    return pool->size;
}

void *xmalloc(size_t n)
{
    void *p = malloc(n > 0 ? n : 1);

    if (p == NULL)
        out_of_memory(n);
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

    if (p == NULL)
        out_of_memory(n);
    return p;
}

void *xrealloc(void *p, size_t n)
{
    void *moved = realloc(p, n > 0 ? n : 1);

    if (moved == NULL)
        out_of_memory(n);
    return moved;
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = xmalloc(sum(len, 1));

    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *xprintf(const char *fmt, ...)
{
    char *out = NULL;
    va_list ap;

    va_start(ap, fmt);
    int len = vasprintf(&out, fmt, ap);
    va_end(ap);
    if (len < 0)
        out_of_memory(0);
    return out;
}

void auto_free_fn(void *p)
{
    void *held;

    memcpy(&held, p, sizeof(held));
    free(held);
    memset(p, 0, sizeof(held));
}

void auto_close_fn(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void auto_pool_fn(struct pool **pool)
{
    pool_free(*pool);
    *pool = NULL;
}
