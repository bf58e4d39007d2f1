#include "core/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/pool.h"

#define LEAST 256

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_release(struct buf *b)
{
    free(b->base);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->base != NULL)
        b->base[0] = '\0';
}

bool buf_failed(const struct buf *b)
{
    return b->failed;
}

/* Doubling, but never past the ceiling and its terminator. */
static void grow(struct buf *b, size_t need)
{
    size_t most = b->max < SIZE_MAX ? b->max + 1 : SIZE_MAX;
    size_t cap = b->cap > 0 ? b->cap : LEAST;

    while (cap < need)
        cap = cap > most / 2 ? most : cap * 2;
    if (cap > most)
        cap = most;
    b->base = xrealloc(b->base, cap);
    b->cap = cap;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed || b->len > b->max || n > b->max - b->len || n >= SIZE_MAX - b->len) {
        b->failed = true;
        return NULL;
    }
    if (b->len + n + 1 > b->cap)
        grow(b, b->len + n + 1);
    b->base[b->len] = '\0';
    return b->base + b->len;
}

void buf_grew(struct buf *b, size_t n)
{
    b->len += n;
    b->base[b->len] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    char *at = buf_reserve(b, n);

    if (at == NULL)
        return;
    if (n > 0)
        memcpy(at, p, n);
    buf_grew(b, n);
}

void buf_text(struct buf *b, struct text t)
{
    buf_add(b, t.base, t.len);
}

void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *at = len >= 0 ? buf_reserve(b, (size_t)len) : NULL;
    if (at == NULL) {
        b->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(at, (size_t)len + 1, fmt, ap);
    va_end(ap);
    buf_grew(b, (size_t)len);
}

void buf_consume(struct buf *b, size_t n)
{
    if (b->base == NULL)
        return;
    if (n > b->len)
        n = b->len;
    memmove(b->base, b->base + n, b->len - n);
    b->len -= n;
    b->base[b->len] = '\0';
}

struct text buf_view(const struct buf *b)
{
    return b->base != NULL ? text_n(b->base, b->len) : TEXT("");
}

struct text buf_take(struct buf *b, struct pool *pool)
{
    struct text out = buf_view(b);

    if (b->failed) {
        free(b->base);
        out = TEXT_NONE;
    } else if (b->base != NULL) {
        pool_defer(pool, free, b->base);
    }
    *b = (struct buf){.max = b->max, .failed = b->failed};
    return out;
}

void auto_buf_fn(struct buf *b)
{
    buf_release(b);
}
