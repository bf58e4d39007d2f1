#include "registry/jsonscan.h"

#define MAX_DEPTH 64

static void skip_space(struct jsonscan *s)
{
    while (s->at < s->in.len && memchr(" \t\r\n", s->in.base[s->at], 4) != NULL)
        s->at++;
}

static bool take(struct jsonscan *s, char c)
{
    skip_space(s);
    if (s->at >= s->in.len || s->in.base[s->at] != c)
        return false;
    s->at++;
    return true;
}

/* at stands on the opening quote; ends behind the closing one. */
static bool skip_string(struct jsonscan *s)
{
    for (s->at++; s->at < s->in.len; s->at++) {
        const char *quote = memchr(s->in.base + s->at, '"', s->in.len - s->at);
        if (quote == NULL)
            return false;
        size_t end = (size_t)(quote - s->in.base), slashes = 0;
        while (end - slashes > s->at && s->in.base[end - slashes - 1] == '\\')
            slashes++;
        s->at = end;
        if (slashes % 2 == 0) {
            s->at++;
            return true;
        }
    }
    return false;
}

/* at stands on '{' or '['; one bit of kinds a level. */
static bool skip_nested(struct jsonscan *s)
{
    uint64_t kinds = 0;
    unsigned depth = 0;
    while (s->at < s->in.len) {
        char c = s->in.base[s->at];
        if (c == '"') {
            if (!skip_string(s))
                return false;
            continue;
        }
        s->at++;
        if (c == '{' || c == '[') {
            if (depth++ == MAX_DEPTH)
                return false;
            kinds = kinds << 1 | (c == '{');
        } else if (c == '}' || c == ']') {
            if ((kinds & 1) != (c == '}'))
                return false;
            kinds >>= 1;
            if (--depth == 0)
                return true;
        }
    }
    return false;
}

static bool skip_literal(struct jsonscan *s)
{
    size_t from = s->at;
    while (s->at < s->in.len && memchr(",}] \t\r\n\"{[:", s->in.base[s->at], 12) == NULL)
        s->at++;
    return s->at > from;
}

static bool skip_value(struct jsonscan *s)
{
    skip_space(s);
    if (s->at >= s->in.len)
        return false;
    char c = s->in.base[s->at];
    if (c == '"')
        return skip_string(s);
    return c == '{' || c == '[' ? skip_nested(s) : skip_literal(s);
}

void jsonscan_init(struct jsonscan *s, struct text object)
{
    memset(s, 0, sizeof *s);
    s->in = object;
    s->bad = !take(s, '{');
}

static bool fail(struct jsonscan *s)
{
    s->bad = true;
    return false;
}

bool jsonscan_next(struct jsonscan *s)
{
    if (s->bad || take(s, '}'))
        return false;
    if (s->key.base != NULL && !take(s, ','))
        return fail(s);
    skip_space(s);
    if (s->at >= s->in.len || s->in.base[s->at] != '"')
        return fail(s);
    size_t key = s->at + 1;
    if (!skip_string(s))
        return fail(s);
    s->key = text_sub(s->in, key, s->at - 1 - key);
    if (!take(s, ':'))
        return fail(s);
    skip_space(s);
    size_t value = s->at;
    if (!skip_value(s))
        return fail(s);
    s->value = text_sub(s->in, value, s->at - value);
    return true;
}

struct text jsonscan_get(struct text object, const char *key)
{
    struct jsonscan s;
    jsonscan_init(&s, object);
    while (jsonscan_next(&s))
        if (text_is(s.key, key))
            return s.value;
    return TEXT_NONE;
}

struct text jsonscan_string(struct text value)
{
    if (value.len < 2 || value.base[0] != '"' || value.base[value.len - 1] != '"')
        return TEXT_NONE;
    struct text inside = text_sub(value, 1, value.len - 2);
    return text_has(inside, '\\') ? TEXT_NONE : inside;
}
