/*
 * A pool: memory that lives as long as one request, job or object, freed in one go.
 * Allocation never fails (out of memory aborts): bound what a client can make large before asking.
 * A pool belongs to one thread at a time; handing it over is handing over all in it.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct pool;

struct pool *pool_new(void);
void pool_free(struct pool *pool); /* runs deferred calls newest first; NULL is fine */
void *pool_alloc(struct pool *pool, size_t n);
void *pool_zalloc(struct pool *pool, size_t n);
char *pool_strdup(struct pool *pool, const char *s);
char *pool_printf(struct pool *pool, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *pool_vprintf(struct pool *pool, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* fn(arg) is called when the pool is freed. */
void pool_defer(struct pool *pool, void (*fn)(void *), void *arg);
/* Bytes handed out so far, for budgets. */
size_t pool_size(const struct pool *pool);

/* Heap allocation that aborts instead of failing, for objects that outlive a pool. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Locals that release themselves. */
void auto_free_fn(void *p);
void auto_close_fn(int *fd);
void auto_pool_fn(struct pool **pool);
#define auto_free __attribute__((cleanup(auto_free_fn)))
#define auto_close __attribute__((cleanup(auto_close_fn)))
#define auto_pool __attribute__((cleanup(auto_pool_fn)))
