#include "core/text.h"

#include <stdarg.h>

#include "core/pool.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool text_eq(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}

bool text_is(struct text a, const char *s)
{
    return text_eq(a, text_of(s));
}

bool text_eq_nocase(struct text a, struct text b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.base[i]) != lower(b.base[i]))
            return false;
    return true;
}

int text_cmp(struct text a, struct text b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.base, b.base, common) : 0;

    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool text_starts(struct text t, const char *prefix)
{
    size_t n = strlen(prefix);

    return t.len >= n && (n == 0 || memcmp(t.base, prefix, n) == 0);
}

bool text_ends(struct text t, const char *suffix)
{
    size_t n = strlen(suffix);

    return t.len >= n && (n == 0 || memcmp(t.base + t.len - n, suffix, n) == 0);
}

bool text_has(struct text t, char c)
{
    return text_find(t, c, 0) != SIZE_MAX;
}

size_t text_find(struct text t, char c, size_t from)
{
    if (from >= t.len)
        return SIZE_MAX;
    const char *hit = memchr(t.base + from, c, t.len - from);
    return hit != NULL ? (size_t)(hit - t.base) : SIZE_MAX;
}

struct text text_sub(struct text t, size_t from, size_t len)
{
    if (t.base == NULL)
        return t;
    if (from > t.len)
        from = t.len;
    if (len > t.len - from)
        len = t.len - from;
    return text_n(t.base + from, len);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct text text_trim(struct text t)
{
    while (t.len > 0 && is_blank(t.base[0])) {
        t.base++;
        t.len--;
    }
    while (t.len > 0 && is_blank(t.base[t.len - 1]))
        t.len--;
    return t;
}

bool text_cut(struct text *rest, char sep, struct text *out)
{
    if (rest->base == NULL)
        return false;
    size_t at = text_find(*rest, sep, 0);
    if (at == SIZE_MAX) {
        *out = *rest;
        *rest = TEXT_NONE;
        return true;
    }
    *out = text_n(rest->base, at);
    *rest = text_n(rest->base + at + 1, rest->len - at - 1);
    return true;
}

bool text_number(struct text t, int64_t min, int64_t max, int64_t *out)
{
    bool negative = t.len > 0 && t.base[0] == '-';
    int64_t value = 0;

    if (t.len == (negative ? 1 : 0))
        return false;
    for (size_t i = negative ? 1 : 0; i < t.len; i++) {
        int digit = t.base[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_sub_overflow(value, (int64_t)digit, &value))
            return false;
    }
    /* counted downwards, since the smallest number has no positive twin */
    if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
        return false;
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

bool text_duration_ms(struct text t, int64_t *out)
{
    static const struct {
        const char *suffix;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t n;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!text_ends(t, units[i].suffix))
            continue;
        struct text digits = text_sub(t, 0, t.len - strlen(units[i].suffix));
        if (!text_number(digits, 0, INT64_MAX / units[i].ms, &n))
            return false;
        *out = n * units[i].ms;
        return true;
    }
    return false;
}

/* Bytes of the character at p, 0 if it is malformed (RFC 3629: no overlong form, no surrogate). */
static size_t utf8_char(const unsigned char *p, size_t n)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n < len)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

size_t text_utf8_prefix(struct text t)
{
    const unsigned char *p = (const unsigned char *)t.base;
    size_t i = 0;

    while (i < t.len) {
        uint64_t eight;
        while (t.len - i >= sizeof(eight)) {
            memcpy(&eight, p + i, sizeof(eight));
            if ((eight & 0x8080808080808080u) != 0)
                break;
            i += sizeof(eight);
        }
        if (i == t.len)
            break;
        size_t n = utf8_char(p + i, t.len - i);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

bool text_is_utf8(struct text t)
{
    return text_utf8_prefix(t) == t.len;
}

bool text_is_printable(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.base[i] < 0x20 || t.base[i] == 0x7f)
            return false;
    return true;
}

char *text_c(struct pool *pool, struct text t)
{
    char *out = pool_alloc(pool, t.len + 1);

    if (t.len > 0)
        memcpy(out, t.base, t.len);
    out[t.len] = '\0';
    return out;
}

struct text text_dup(struct pool *pool, struct text t)
{
    return t.base != NULL ? text_n(text_c(pool, t), t.len) : t;
}

struct text text_lower(struct pool *pool, struct text t)
{
    char *out = text_c(pool, t);

    for (size_t i = 0; i < t.len; i++)
        out[i] = lower(out[i]);
    return t.base != NULL ? text_n(out, t.len) : t;
}

struct text text_printf(struct pool *pool, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *out = pool_vprintf(pool, fmt, ap);
    va_end(ap);
    return text_of(out);
}

uint64_t text_hash(struct text t)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < t.len; i++)
        hash = (hash ^ (unsigned char)t.base[i]) * 0x100000001b3u;
    return hash;
}

/* Only the last star ever needs to give back: what an earlier one could take, the last can too. */
bool text_glob(struct text pattern, struct text t)
{
    size_t p = 0, i = 0, star = SIZE_MAX, from = 0;

    while (i < t.len) {
        if (p < pattern.len && pattern.base[p] == '*') {
            star = p++;
            from = i;
        } else if (p < pattern.len && pattern.base[p] == t.base[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.base[p] == '*')
        p++;
    return p == pattern.len;
}
