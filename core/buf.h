/*
 * An owned, growing run of bytes with a ceiling chosen by whoever made it. Going past the ceiling
 * sticks: later appends do nothing and buf_failed() says so, so that a chain is checked once.
 */
#pragma once

#include "core/text.h"

#include <stdarg.h>

struct buf {
    char *base; /* always NUL-terminated once something was appended */
    size_t len;
    /* below: not written by callers */
    size_t cap;
    size_t max;
    bool failed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_release(struct buf *b);
void buf_clear(struct buf *b);
bool buf_failed(const struct buf *b);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_text(struct buf *b, struct text t);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes: returns where to write them, NULL past the ceiling. Then buf_grew(n). */
char *buf_reserve(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
/* Drops n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
struct text buf_view(const struct buf *b); /* never absent */
/* Moves the content into the pool (no copy) and leaves the buffer empty. Absent if it had failed,
 * so that a cut-off document is never taken for a whole one. */
struct text buf_take(struct buf *b, struct pool *pool);
void auto_buf_fn(struct buf *b);
#define auto_buf __attribute__((cleanup(auto_buf_fn)))
