#include "tenants/warden/lines.h"

static void emit(struct lines *l, lines_fn *fn, void *arg)
{
    size_t n = l->len;

    l->len = 0;
    if (n > 0 && l->buf[n - 1] == '\r')
        n--;
    fn(arg, text_n(l->buf, n));
}

static void overflow(struct lines *l, lines_fn *fn, void *arg)
{
    if (l->excess == LINES_SPLIT) {
        emit(l, fn, arg);
        return;
    }
    l->len = 0;
    l->dropping = true;
    l->dropped++;
}

static void take(struct lines *l, const char *p, size_t n, lines_fn *fn, void *arg)
{
    while (n > 0 && !l->dropping) {
        size_t room = l->max - l->len, part = n < room ? n : room;
        memcpy(l->buf + l->len, p, part);
        l->len += part;
        p += part;
        n -= part;
        if (n > 0)
            overflow(l, fn, arg);
    }
}

void lines_feed(struct lines *l, const char *p, size_t n, lines_fn *fn, void *arg)
{
    while (n > 0) {
        const char *end = memchr(p, '\n', n);
        size_t part = end != NULL ? (size_t)(end - p) : n;
        take(l, p, part, fn, arg);
        if (end == NULL)
            return;
        if (!l->dropping)
            emit(l, fn, arg);
        l->dropping = false;
        p += part + 1;
        n -= part + 1;
    }
}

void lines_end(struct lines *l, lines_fn *fn, void *arg)
{
    if (l->len > 0 && l->excess == LINES_SPLIT)
        emit(l, fn, arg);
    l->len = 0;
}
