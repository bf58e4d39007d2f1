/*
 * A view of bytes that somebody else owns. Not terminated, may hold NUL; base may be NULL if len is
 * 0. A view that is "absent" (not merely empty) has a NULL base.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pool;

struct text {
    const char *base;
    size_t len;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})
#define TEXT_NONE ((struct text){NULL, 0})
/* For printf: "%.*s", TEXT_ARG(t) */
#define TEXT_ARG(t) (int)(t).len, ((t).base != NULL ? (t).base : "")

static inline struct text text_of(const char *s)
{
    return (struct text){s, s != NULL ? strlen(s) : 0};
}

static inline struct text text_n(const void *base, size_t len)
{
    return (struct text){(const char *)base, len};
}

bool text_eq(struct text a, struct text b);
bool text_is(struct text a, const char *s);
bool text_eq_nocase(struct text a, struct text b); /* ASCII */
int text_cmp(struct text a, struct text b);        /* bytewise, as memcmp then length */
bool text_starts(struct text t, const char *prefix);
bool text_ends(struct text t, const char *suffix);
bool text_has(struct text t, char c);
/* Index of the first c at or after from; SIZE_MAX if none. */
size_t text_find(struct text t, char c, size_t from);
struct text text_sub(struct text t, size_t from, size_t len); /* clamped */
struct text text_trim(struct text t);                         /* spaces and tabs at both ends */
/* Cuts *rest at the first sep: returns what stands before, leaves what stands after. False when
 * *rest was already used up (absent). "a,,b" yields "a", "", "b"; "" yields one "". */
bool text_cut(struct text *rest, char sep, struct text *out);
/* Decimal integer, whole view, optional leading '-', within [min, max]. */
bool text_number(struct text t, int64_t min, int64_t max, int64_t *out);
/* "30d", "12h", "5m", "20s", "150ms" to milliseconds. */
bool text_duration_ms(struct text t, int64_t *out);
bool text_is_utf8(struct text t);
/* How many leading bytes are whole, well-formed characters. */
size_t text_utf8_prefix(struct text t);
/* No byte below 0x20 and no 0x7f. */
bool text_is_printable(struct text t);
char *text_c(struct pool *pool, struct text t); /* terminated copy */
struct text text_dup(struct pool *pool, struct text t);
struct text text_lower(struct pool *pool, struct text t); /* ASCII */
struct text text_printf(struct pool *pool, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* FNV-1a, for hash tables of names that are checked before they are inserted. */
uint64_t text_hash(struct text t);
/* Linear glob: '*' matches any run, everything else itself. */
bool text_glob(struct text pattern, struct text t);
