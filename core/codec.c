#include "core/codec.h"

#include "core/buf.h"
#include "core/pool.h"

/* Bit 6 marks a byte that is a digit, so that a whole group is judged with one AND. */
#define B64_IS_DIGIT 0x40
#define B64_COMMON                                                                                 \
    ['A'] = 64, ['B'] = 65, ['C'] = 66, ['D'] = 67, ['E'] = 68, ['F'] = 69, ['G'] = 70,            \
    ['H'] = 71, ['I'] = 72, ['J'] = 73, ['K'] = 74, ['L'] = 75, ['M'] = 76, ['N'] = 77,            \
    ['O'] = 78, ['P'] = 79, ['Q'] = 80, ['R'] = 81, ['S'] = 82, ['T'] = 83, ['U'] = 84,            \
    ['V'] = 85, ['W'] = 86, ['X'] = 87, ['Y'] = 88, ['Z'] = 89, ['a'] = 90, ['b'] = 91,            \
    ['c'] = 92, ['d'] = 93, ['e'] = 94, ['f'] = 95, ['g'] = 96, ['h'] = 97, ['i'] = 98,            \
    ['j'] = 99, ['k'] = 100, ['l'] = 101, ['m'] = 102, ['n'] = 103, ['o'] = 104, ['p'] = 105,      \
    ['q'] = 106, ['r'] = 107, ['s'] = 108, ['t'] = 109, ['u'] = 110, ['v'] = 111, ['w'] = 112,     \
    ['x'] = 113, ['y'] = 114, ['z'] = 115, ['0'] = 116, ['1'] = 117, ['2'] = 118, ['3'] = 119,     \
    ['4'] = 120, ['5'] = 121, ['6'] = 122, ['7'] = 123, ['8'] = 124, ['9'] = 125

static const char hex_digits[] = "0123456789abcdef";
static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const unsigned char b64_values[256] = {B64_COMMON, ['+'] = 126, ['/'] = 127};
static const unsigned char b64url_values[256] = {B64_COMMON, ['-'] = 126, ['_'] = 127};

struct text hex_encode(struct pool *pool, const void *p, size_t n)
{
    const unsigned char *in = p;
    char *out = pool_alloc(pool, n * 2 + 1);

    for (size_t i = 0; i < n; i++) {
        out[i * 2] = hex_digits[in[i] >> 4];
        out[i * 2 + 1] = hex_digits[in[i] & 15];
    }
    out[n * 2] = '\0';
    return text_n(out, n * 2);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(struct text t, void *out, size_t n)
{
    unsigned char *to = out;

    if (t.len % 2 != 0 || t.len / 2 != n)
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (hex_value(t.base[i]) < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)(hex_value(t.base[i * 2]) * 16 + hex_value(t.base[i * 2 + 1]));
    return true;
}

static size_t encode(const unsigned char *in, size_t n, const char *digits, char *out)
{
    char *to = out;
    size_t i = 0;

    for (; i + 3 <= n; i += 3) {
        unsigned group = (unsigned)in[i] << 16 | (unsigned)in[i + 1] << 8 | in[i + 2];
        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        *to++ = digits[group >> 6 & 63];
        *to++ = digits[group & 63];
    }
    if (n - i == 1) {
        *to++ = digits[in[i] >> 2];
        *to++ = digits[(in[i] & 3) << 4];
    } else if (n - i == 2) {
        unsigned group = (unsigned)in[i] << 8 | in[i + 1];
        *to++ = digits[group >> 10];
        *to++ = digits[group >> 4 & 63];
        *to++ = digits[(group & 15) << 2];
    }
    return (size_t)(to - out);
}

struct text b64_encode(struct pool *pool, const void *p, size_t n)
{
    char *out = pool_alloc(pool, (n / 3 + 1) * 4 + 1);
    size_t len = encode(p, n, b64_digits, out);

    while (len % 4 != 0)
        out[len++] = '=';
    out[len] = '\0';
    return text_n(out, len);
}

struct text b64url_encode(struct pool *pool, const void *p, size_t n)
{
    char *out = pool_alloc(pool, (n / 3 + 1) * 4 + 1);
    size_t len = encode(p, n, b64url_digits, out);

    out[len] = '\0';
    return text_n(out, len);
}

size_t b64_decoded_max(size_t encoded)
{
    return encoded / 4 * 3 + 3;
}

/* The last two or three digits: their left-over bits must be zero, or two texts would mean the
 * same. */
static bool decode_tail(const unsigned char *in, size_t n, const unsigned char *values,
                        unsigned char *to)
{
    unsigned a = values[in[0]], b = values[in[1]];
    unsigned c = n == 3 ? values[in[2]] : B64_IS_DIGIT;

    if ((a & b & c & B64_IS_DIGIT) == 0)
        return false;
    unsigned group = (a & 63) << 12 | (b & 63) << 6 | (c & 63);
    to[0] = (unsigned char)(group >> 10);
    if (n == 2)
        return (group & 0x3ff) == 0;
    to[1] = (unsigned char)(group >> 2);
    return (group & 3) == 0;
}

/* Digits without padding. */
static bool decode(struct text t, const unsigned char *values, unsigned char *out, size_t *n)
{
    const unsigned char *in = (const unsigned char *)t.base;
    unsigned char *to = out;
    size_t whole = t.len / 4, rest = t.len % 4;

    if (rest == 1)
        return false;
    for (size_t i = 0; i < whole; i++, in += 4, to += 3) {
        unsigned a = values[in[0]], b = values[in[1]], c = values[in[2]], d = values[in[3]];
        if ((a & b & c & d & B64_IS_DIGIT) == 0)
            return false;
        unsigned group = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
        to[0] = (unsigned char)(group >> 16);
        to[1] = (unsigned char)(group >> 8);
        to[2] = (unsigned char)group;
    }
    if (rest > 0 && !decode_tail(in, rest, values, to))
        return false;
    *n = whole * 3 + (rest > 0 ? rest - 1 : 0);
    return true;
}

bool b64_decode(struct text t, void *out, size_t *n)
{
    if (t.len % 4 != 0)
        return false;
    for (unsigned padding = 0; padding < 2 && t.len > 0 && t.base[t.len - 1] == '='; padding++)
        t.len--;
    return decode(t, b64_values, out, n);
}

bool b64url_decode(struct text t, void *out, size_t *n)
{
    return decode(t, b64url_values, out, n);
}

bool percent_decode(struct pool *pool, struct text t, bool plus, struct text *out)
{
    char *to = pool_alloc(pool, t.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < t.len; i++) {
        char c = t.base[i];
        if (c == '%') {
            int high = i + 2 < t.len ? hex_value(t.base[i + 1]) : -1;
            int low = high >= 0 ? hex_value(t.base[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return false;
        to[n++] = c;
    }
    to[n] = '\0';
    if (!text_is_utf8(text_n(to, n)))
        return false;
    *out = text_n(to, n);
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

struct text percent_encode(struct pool *pool, struct text t)
{
    static const char upper[] = "0123456789ABCDEF";
    char *out = pool_alloc(pool, t.len * 3 + 1);
    size_t n = 0;

    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.base[i];
        if (is_unreserved((char)c)) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = upper[c >> 4];
        out[n++] = upper[c & 15];
    }
    out[n] = '\0';
    return text_n(out, n);
}

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_escape(struct buf *out, struct text t)
{
    size_t from = 0;

    for (size_t i = 0; i < t.len; i++) {
        const char *escaped = entity(t.base[i]);
        if (escaped == NULL)
            continue;
        buf_add(out, t.base + from, i - from);
        buf_str(out, escaped);
        from = i + 1;
    }
    if (from < t.len)
        buf_add(out, t.base + from, t.len - from);
}
