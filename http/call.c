#include "http/call.h"

#include "http/request.h"
#include "http/route.h"

#include "core/codec.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX 200

struct text call_param(const struct call *c, const char *name)
{
    size_t len = strlen(name);
    unsigned n = 0;
    for (const char *p = c->route->path; *p != '\0'; p++) {
        if (*p != '/' || (p[1] != ':' && p[1] != '*'))
            continue;
        if (strncmp(p + 2, name, len) == 0 && (p[2 + len] == '/' || p[2 + len] == '\0'))
            return c->params[n];
        n++;
    }
    return TEXT_NONE;
}

struct text call_header(const struct call *c, const char *name)
{
    const h2o_headers_t *headers = ((const struct request *)c->http)->headers;
    size_t len = strlen(name);
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *h = &headers->entries[i];
        if (h->name->len == len && memcmp(h->name->base, name, len) == 0)
            return text_n(h->value.base != NULL ? h->value.base : "", h->value.len);
    }
    return TEXT_NONE;
}

struct text call_query(struct call *c, const char *name)
{
    struct text rest = c->query, pair, key, value;
    while (text_cut(&rest, '&', &pair)) {
        struct text after = pair;
        (void)text_cut(&after, '=', &key);
        if (!text_is(key, name) &&
            (!text_has(key, '%') || !percent_decode(c->pool, key, true, &key) ||
             !text_is(key, name)))
            continue;
        if (after.base == NULL)
            return TEXT("");
        return percent_decode(c->pool, after, true, &value) ? value : TEXT_NONE;
    }
    return TEXT_NONE;
}

static bool is_json(struct text type)
{
    struct text essence;
    if (!text_cut(&type, ';', &essence))
        return false;
    essence = text_trim(essence);
    return text_eq_nocase(essence, TEXT("application/json")) || text_ends(essence, "+json");
}

int call_json_body(struct call *c, const struct json **doc, struct err *err)
{
    struct json *root;
    if (c->body.len == 0)
        return err_set(err, ERR_INVALID, "missing_body",
                       "The request needs a JSON object as body.");
    if (!is_json(call_header(c, "content-type")))
        return err_set(err, ERR_UNSUPPORTED, "not_json",
                       "The request's Content-Type must be application/json.");
    if (json_read(c->pool, c->body, JSON_MAX_NODES, &root, err) != 0)
        return -1;
    if (root->type != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "not_object", "The request's body must be a JSON object.");
    *doc = root;
    return 0;
}

int call_page(struct call *c, int64_t *limit, struct text *cursor, struct err *err)
{
    struct text asked = call_query(c, "limit");
    *limit = PAGE_DEFAULT;
    if (asked.base != NULL && !text_number(asked, 1, PAGE_MAX, limit))
        return err_set(err, ERR_INVALID, "bad_limit", "The limit must be a number from 1 to %d.",
                       PAGE_MAX);
    *cursor = call_query(c, "cursor");
    return 0;
}

int call_require(struct call *c, const char *tenant, uint32_t scopes, bool hide, struct err *err)
{
    if (identity_may(c->who, tenant, scopes))
        return 0;
    if (c->who->kind == IDENTITY_ANONYMOUS)
        return err_set(err, ERR_UNAUTHORIZED, "login_needed", "Log in first.");
    if (hide)
        return err_set(err, ERR_NOT_FOUND, "not_found", "There is no such thing.");
    return err_set(err, ERR_FORBIDDEN, "forbidden", "You may not do this.");
}
