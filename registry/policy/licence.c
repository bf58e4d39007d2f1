#include "registry/policy/licence.h"

#define MAX_LENGTH 500
#define MAX_DEPTH 10

struct reading {
    struct text rest;
    licence_fn *fn;
    void *arg;
    bool bad;
};

/* A bracket, or what stands up to the next one or blank; absent at the end. */
static struct text next(struct text *rest)
{
    size_t n = 0;
    *rest = text_trim(*rest);
    if (rest->len == 0)
        return TEXT_NONE;
    while (n < rest->len && rest->base[n] != ' ' && rest->base[n] != '(' && rest->base[n] != ')')
        n++;
    struct text token = text_sub(*rest, 0, n > 0 ? n : 1);
    *rest = text_sub(*rest, token.len, rest->len);
    return token;
}

static bool take(struct reading *r, const char *word)
{
    struct text rest = r->rest, token = next(&rest);
    if (token.base == NULL || !text_eq_nocase(token, text_of(word)))
        return false;
    r->rest = rest;
    return true;
}

static bool any_of(struct reading *r, unsigned depth);

static bool one(struct reading *r, unsigned depth)
{
    if (take(r, "(")) {
        bool ok = any_of(r, depth + 1);
        r->bad = r->bad || !take(r, ")");
        return ok;
    }
    struct text id = next(&r->rest);
    r->bad = r->bad || id.base == NULL || text_is(id, ")");
    if (take(r, "WITH"))
        r->bad = r->bad || next(&r->rest).base == NULL;
    return !r->bad && r->fn(r->arg, id);
}

static bool all_of(struct reading *r, unsigned depth)
{
    bool ok = one(r, depth);
    while (!r->bad && take(r, "AND"))
        ok = one(r, depth) && ok;
    return ok;
}

static bool any_of(struct reading *r, unsigned depth)
{
    r->bad = r->bad || depth > MAX_DEPTH;
    if (r->bad)
        return false;
    bool ok = all_of(r, depth);
    while (!r->bad && take(r, "OR"))
        ok = all_of(r, depth) || ok;
    return ok;
}

bool licence_allows(struct text expression, licence_fn *fn, void *arg)
{
    struct reading r = {.rest = expression, .fn = fn, .arg = arg};
    if (expression.len > MAX_LENGTH)
        return false;
    bool ok = any_of(&r, 0);
    if (r.bad || text_trim(r.rest).len > 0)
        return fn(arg, text_trim(expression));
    return ok;
}
