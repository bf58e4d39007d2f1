#include "registry/trust/claims.h"

#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"

#define CLAIMS_MOST 20
#define ITEMS_MOST 20
#define VALUE_MOST 500
#define BAD ERR_UNPROCESSABLE, "bad_claims"

static bool is_value(const struct json *value)
{
    return value->type == JSON_STRING && value->text.len > 0 && value->text.len <= VALUE_MOST &&
           text_is_printable(value->text);
}

/* More than stars: "*" alone would be anybody. */
static bool says_something(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.base[i] != '*')
            return true;
    return false;
}

static int put_claim(struct json_writer *w, const struct json *claim, bool *tells, struct err *err)
{
    bool list = claim->type == JSON_ARRAY;
    if (claim->key.len == 0 || claim->key.len > 200 || !text_is_printable(claim->key) ||
        (list && (claim->count == 0 || claim->count > ITEMS_MOST)) || (!list && !is_value(claim)))
        return err_set(err, BAD, "The claim \"%.*s\" must be a text or a list of texts.",
                       TEXT_ARG(text_sub(claim->key, 0, 60)));
    json_key_text(w, claim->key);
    if (!list) {
        *tells = *tells || says_something(claim->text);
        json_text(w, claim->text);
        return 0;
    }
    json_open_array(w);
    json_each (item, claim) {
        if (!is_value(item))
            return err_set(err, BAD, "The claim \"%.*s\" must be a text or a list of texts.",
                           TEXT_ARG(text_sub(claim->key, 0, 60)));
        *tells = *tells || says_something(item->text);
        json_text(w, item->text);
    }
    json_close_array(w);
    return 0;
}

int claims_read(struct pool *pool, const struct json *doc, struct text *out, struct err *err)
{
    auto_buf struct buf buf = {0};
    struct json_writer w;
    bool tells = false;
    if (doc == NULL || doc->type != JSON_OBJECT || doc->count > CLAIMS_MOST)
        return err_set(err, BAD, "claims must be an object of at most %d claims.", CLAIMS_MOST);
    buf_init(&buf, 1u << 18);
    json_writer_init(&w, &buf);
    json_open(&w);
    json_each (claim, doc)
        if (put_claim(&w, claim, &tells, err) != 0)
            return -1;
    json_close(&w);
    if (!tells)
        return err_set(err, BAD,
                       "Say at least one claim, such as the repository: without one every job of "
                       "the issuer's customers could publish.");
    *out = buf_take(&buf, pool);
    return 0;
}

/* What npm sends is meant to the letter. */
static int need_exact(const struct json *doc, const char *path, struct text *out, struct err *err)
{
    if (json_need_text(doc, path, out, err) != 0)
        return err_set(err, BAD, "The claim %s is missing.", path);
    if (out->len == 0 || out->len > VALUE_MOST || text_has(*out, '*'))
        return err_set(err, BAD, "The claim %s is not one that could be.", path);
    return 0;
}

/* "gitlab.com" of "https://gitlab.com" */
static struct text host_of(struct text url)
{
    size_t colon = text_find(url, ':', 0);
    struct text host = text_sub(url, colon + 3, url.len);
    return text_ends(host, "/") ? text_sub(host, 0, host.len - 1) : host;
}

static int put_environment(struct json_writer *w, const struct json *doc, struct err *err)
{
    struct text environment = TEXT_NONE;
    if (json_get(doc, "environment") == NULL)
        return 0;
    if (need_exact(doc, "environment", &environment, err) != 0)
        return -1;
    json_put_text(w, "environment", environment);
    return 0;
}

static int put_repository(struct pool *pool, struct json_writer *w, struct text host,
                          const struct json *doc, struct err *err)
{
    bool github = host.base == NULL;
    const char *entity = github ? "repository" : "project_path";
    const char *where = github ? "workflow_ref" : "ci_config_ref_uri";
    const char *file_path = github ? "workflow_ref.file" : "ci_config_ref_uri.file";
    struct text name, file;
    if (need_exact(doc, entity, &name, err) != 0 || need_exact(doc, file_path, &file, err) != 0)
        return -1;
    if (text_has(file, '/') || text_has(file, '@'))
        return err_set(err, BAD, "The file of the workflow is named without its folder.");
    json_put_text(w, entity, name);
    json_put_text(
        w, where,
        github ? text_printf(pool, "%.*s/.github/workflows/%.*s@*", TEXT_ARG(name), TEXT_ARG(file))
               : text_printf(pool, "%.*s/%.*s//%.*s@*", TEXT_ARG(host), TEXT_ARG(name),
                             TEXT_ARG(file)));
    return put_environment(w, doc, err);
}

int claims_from_npm(struct pool *pool, struct text type, struct text issuer_url,
                    const struct json *doc, struct text *out, struct err *err)
{
    auto_buf struct buf buf = {0};
    struct json_writer w;
    struct text host = TEXT_NONE;
    if (text_is(type, "gitlab"))
        host = host_of(issuer_url);
    else if (!text_is(type, "github"))
        return claims_read(pool, doc, out, err);
    buf_init(&buf, 1u << 16);
    json_writer_init(&w, &buf);
    json_open(&w);
    if (put_repository(pool, &w, host, doc, err) != 0)
        return -1;
    json_close(&w);
    *out = buf_take(&buf, pool);
    return 0;
}

/* A value of the token as text; absent for what is none. */
static struct text text_of_claim(const struct json *value)
{
    switch (value->type) {
    case JSON_STRING:
    case JSON_NUMBER:
        return value->text;
    case JSON_BOOL:
        return value->boolean ? TEXT("true") : TEXT("false");
    default:
        return TEXT_NONE;
    }
}

static bool holds(struct text wanted, const struct json *value)
{
    if (value == NULL)
        return false;
    if (value->type == JSON_ARRAY) {
        json_each (item, value)
            if (item->type != JSON_ARRAY && holds(wanted, item))
                return true;
        return false;
    }
    struct text has = text_of_claim(value);
    return has.base != NULL && text_glob(wanted, has);
}

static int differs(struct text key, struct text wanted, const struct json *value, struct err *err)
{
    struct text has = value != NULL ? text_sub(value->raw, 0, 60) : TEXT("not there");
    return err_set(err, ERR_FORBIDDEN, "claims_differ",
                   "The claim %.*s is %.*s; \"%.*s\" was expected.", TEXT_ARG(text_sub(key, 0, 40)),
                   TEXT_ARG(has), TEXT_ARG(text_sub(wanted, 0, 60)));
}

int claims_match(struct pool *pool, struct text asked, const struct json *token, struct err *err)
{
    struct json *doc;
    if (json_read(pool, asked, 1000, &doc, err) != 0)
        return -1;
    json_each (claim, doc) {
        const struct json *value = json_get_text(token, claim->key);
        if (claim->type == JSON_STRING && !holds(claim->text, value))
            return differs(claim->key, claim->text, value, err);
        json_each (item, claim)
            if (!holds(item->text, value))
                return differs(claim->key, item->text, value, err);
    }
    return doc->count > 0 ? 0
                          : err_set(err, ERR_FORBIDDEN, "claims_differ", "Nothing is asked for.");
}
