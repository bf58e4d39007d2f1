#include "core/json.h"

#include <ctype.h>
#include <stdlib.h>

#include <yajl/yajl_parse.h>

#include "core/err.h"
#include "core/pool.h"

/* Up to so many members are compared pair by pair; more are sorted. Sorting rather than hashing,
 * since no choice of keys makes it slow. */
#define FEW 12
#define REPLACEMENT 0xfffd

struct reader {
    struct pool *pool;
    struct text input;
    yajl_handle yajl;
    size_t max_nodes;
    size_t nodes;
    size_t at;     /* end of the last token */
    bool finished; /* all input was fed: a number that ends it comes only now */
    unsigned depth;
    struct json *root;
    struct text key; /* read, its value is still to come */
    struct json *parents[JSON_MAX_DEPTH];
    struct json *last[JSON_MAX_DEPTH]; /* last child of each */
    struct err *err;
};

static int bad(struct reader *r, const char *what)
{
    err_set(r->err, ERR_INVALID, "bad_json", "The JSON is not accepted at byte %zu: %s.", r->at,
            what);
    return 0;
}

static bool is_between(char c)
{
    return c == ' ' || c == '\n' || c == ',' || c == ':' || c == '\r' || c == '\t';
}

/* yajl takes these for blanks as well, RFC 8259 does not. */
static bool is_no_blank(char c)
{
    return c == '\v' || c == '\f';
}

/* The token that yajl just reported, as it stands in the input: between two tokens there is nothing
 * but blanks, commas and colons. */
static bool token(struct reader *r, struct text *out)
{
    size_t from = r->at;
    size_t end = r->finished ? r->input.len : yajl_get_bytes_consumed(r->yajl);

    while (from < end && is_between(r->input.base[from]))
        from++;
    r->at = from;
    if (from == end || is_no_blank(r->input.base[from]))
        return bad(r, "a character is not allowed here") != 0;
    r->at = end;
    *out = text_sub(r->input, from, end - from);
    return true;
}

static unsigned hex4(const char *p)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p[i];
        value = value * 16 + (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return value;
}

static size_t put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 63));
        to[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 63));
    to[2] = (char)(0x80 | (c >> 6 & 63));
    to[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* "\uXXXX" at in.base[i], with its second half if it is a pair. A lone half, which has no UTF-8,
 * becomes U+FFFD; yajl would let it through as malformed bytes. */
static size_t unescape_unicode(struct text in, size_t i, char *to, size_t *n)
{
    unsigned c = hex4(in.base + i + 2);
    size_t used = 6;

    if (c >= 0xd800 && c < 0xdc00 && i + 12 <= in.len && in.base[i + 6] == '\\' &&
        in.base[i + 7] == 'u') {
        unsigned second = hex4(in.base + i + 8);
        if (second >= 0xdc00 && second < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (second - 0xdc00);
            used = 12;
        }
    }
    if (c >= 0xd800 && c < 0xe000)
        c = REPLACEMENT;
    *n += put_utf8(to + *n, c);
    return used;
}

/* The content between the quotes, whose grammar yajl has checked. */
static struct text unescape(struct pool *pool, struct text in)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char *to = pool_alloc(pool, in.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < in.len;) {
        if (in.base[i] != '\\' || i + 1 == in.len) {
            to[n++] = in.base[i++];
            continue;
        }
        const char *simple = strchr(from, in.base[i + 1]);
        if (in.base[i + 1] == 'u' && i + 6 <= in.len) {
            i += unescape_unicode(in, i, to, &n);
        } else {
            to[n++] = simple != NULL ? into[simple - from] : in.base[i + 1];
            i += 2;
        }
    }
    to[n] = '\0';
    return text_n(to, n);
}

/* yajl hands a pointer into the input exactly when there was nothing to unescape. */
static struct text string_of(struct reader *r, const unsigned char *s, size_t len, struct text raw)
{
    const char *p = (const char *)s;

    if (p >= r->input.base && p + len <= r->input.base + r->input.len)
        return text_n(p, len);
    return unescape(r->pool, text_sub(raw, 1, raw.len - 2));
}

static struct json *add_node(struct reader *r, enum json_type type)
{
    if (r->nodes++ >= r->max_nodes) {
        bad(r, "it has more values than allowed");
        return NULL;
    }
    struct json *node = pool_zalloc(r->pool, sizeof(*node));
    node->type = type;
    if (!token(r, &node->raw))
        return NULL;
    if (r->depth == 0) {
        r->root = node;
        return node;
    }
    struct json *parent = r->parents[r->depth - 1];
    struct json *last = r->last[r->depth - 1];
    if (last != NULL)
        last->next = node;
    else
        parent->child = node;
    r->last[r->depth - 1] = node;
    parent->count++;
    if (parent->type == JSON_OBJECT)
        node->key = r->key;
    return node;
}

static int on_null(void *ctx)
{
    return add_node(ctx, JSON_NULL) != NULL;
}

static int on_boolean(void *ctx, int value)
{
    struct json *node = add_node(ctx, JSON_BOOL);

    if (node == NULL)
        return 0;
    node->boolean = value != 0;
    return 1;
}

static int on_number(void *ctx, const char *digits, size_t len)
{
    struct json *node = add_node(ctx, JSON_NUMBER);

    if (node == NULL)
        return 0;
    node->text = node->raw;
    return 1;
}

static int on_string(void *ctx, const unsigned char *s, size_t len)
{
    struct reader *r = ctx;
    struct json *node = add_node(r, JSON_STRING);

    if (node == NULL)
        return 0;
    node->text = string_of(r, s, len, node->raw);
    return 1;
}

static int on_key(void *ctx, const unsigned char *s, size_t len)
{
    struct reader *r = ctx;
    struct text raw;

    if (!token(r, &raw))
        return 0;
    r->key = string_of(r, s, len, raw);
    if (text_has(r->key, '\0'))
        return bad(r, "a name holds a NUL character");
    return 1;
}

static int start(struct reader *r, enum json_type type)
{
    if (r->depth == JSON_MAX_DEPTH)
        return bad(r, "it is nested too deeply");
    struct json *node = add_node(r, type);
    if (node == NULL)
        return 0;
    r->parents[r->depth] = node;
    r->last[r->depth] = NULL;
    r->depth++;
    return 1;
}

static int on_start_map(void *ctx)
{
    return start(ctx, JSON_OBJECT);
}

static int on_start_array(void *ctx)
{
    return start(ctx, JSON_ARRAY);
}

static int key_order(const void *a, const void *b)
{
    const struct json *const *x = a, *const *y = b;

    return text_cmp((*x)->key, (*y)->key);
}

static const struct json *duplicate_of_few(const struct json *object)
{
    json_each (a, object) {
        for (const struct json *b = a->next; b != NULL; b = b->next)
            if (text_eq(a->key, b->key))
                return b;
    }
    return NULL;
}

static const struct json *duplicate_of_many(const struct json *object)
{
    auto_free const struct json **members = xcalloc(object->count, sizeof(struct json *));
    size_t n = 0;

    json_each (member, object) {
        members[n++] = member;
    }
    qsort(members, n, sizeof(struct json *), key_order);
    for (size_t i = 1; i < n; i++)
        if (text_eq(members[i - 1]->key, members[i]->key))
            return members[i];
    return NULL;
}

static int end(struct reader *r)
{
    struct json *node = r->parents[--r->depth];
    struct text bracket;

    if (!token(r, &bracket))
        return 0;
    node->raw.len = r->at - (size_t)(node->raw.base - r->input.base);
    return 1;
}

static int on_end_map(void *ctx)
{
    struct reader *r = ctx;
    const struct json *object = r->parents[r->depth - 1];
    const struct json *twice =
        object->count <= FEW ? duplicate_of_few(object) : duplicate_of_many(object);

    if (twice == NULL)
        return end(r);
    err_set(r->err, ERR_INVALID, "bad_json", "The JSON is not accepted: \"%.*s\" stands twice.",
            TEXT_ARG(text_sub(twice->key, 0, 80)));
    return 0;
}

static int on_end_array(void *ctx)
{
    return end(ctx);
}

static int check_rest(struct reader *r)
{
    for (; r->at < r->input.len; r->at++)
        if (is_no_blank(r->input.base[r->at])) {
            bad(r, "a character is not allowed here");
            return -1;
        }
    return 0;
}

static int parse(struct reader *r)
{
    const unsigned char *bytes = (const unsigned char *)r->input.base;
    yajl_status status = yajl_parse(r->yajl, bytes, r->input.len);
    size_t at = yajl_get_bytes_consumed(r->yajl);

    if (status == yajl_status_ok) {
        r->finished = true;
        at = r->input.len;
        status = yajl_complete_parse(r->yajl);
    }
    if (status == yajl_status_ok)
        return check_rest(r);
    if (status == yajl_status_client_canceled)
        return -1;
    unsigned char *why = yajl_get_error(r->yajl, 0, NULL, 0);
    struct text sentence = text_of((const char *)why);
    if (text_ends(sentence, "\n"))
        sentence.len--;
    err_set(r->err, ERR_INVALID, "bad_json", "The JSON is malformed at byte %zu: %.*s.", at,
            TEXT_ARG(sentence));
    yajl_free_error(r->yajl, why);
    return -1;
}

int json_read(struct pool *pool, struct text input, size_t max_nodes, struct json **out,
              struct err *err)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_start_map,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end_map,
        .yajl_start_array = on_start_array,
        .yajl_end_array = on_end_array,
    };
    struct reader r = {.pool = pool, .input = input, .max_nodes = max_nodes, .err = err};
    size_t good = text_utf8_prefix(input);

    if (good != input.len) {
        r.at = good;
        bad(&r, "it is not UTF-8");
        return -1;
    }
    r.yajl = yajl_alloc(&callbacks, NULL, &r);
    if (r.yajl == NULL)
        abort();
    /* judged above, and more strictly than yajl would */
    yajl_config(r.yajl, yajl_dont_validate_strings, 1);
    int rc = parse(&r);
    yajl_free(r.yajl);
    if (rc == 0)
        *out = r.root;
    return rc;
}

const struct json *json_get(const struct json *node, const char *key)
{
    return json_get_text(node, text_of(key));
}

const struct json *json_get_text(const struct json *node, struct text key)
{
    if (node == NULL || node->type != JSON_OBJECT)
        return NULL;
    json_each (member, node) {
        if (text_eq(member->key, key))
            return member;
    }
    return NULL;
}

const struct json *json_at(const struct json *node, const char *path)
{
    struct text rest = text_of(path), part;

    while (node != NULL && text_cut(&rest, '.', &part))
        node = json_get_text(node, part);
    return node;
}

static int wrong_type(const char *path, const char *wanted, struct err *err)
{
    return err_set(err, ERR_INVALID, "bad_field", "\"%s\" must be %s.", path, wanted);
}

/* The value to convert, or NULL when it is missing or null. */
static const struct json *present(const struct json *node, const char *path)
{
    const struct json *value = json_at(node, path);

    return value != NULL && value->type != JSON_NULL ? value : NULL;
}

int json_want_text(const struct json *node, const char *path, struct text *out, struct err *err)
{
    const struct json *value = present(node, path);

    if (value == NULL)
        return 0;
    if (value->type != JSON_STRING)
        return wrong_type(path, "a string", err);
    *out = value->text;
    return 0;
}

int json_want_int(const struct json *node, const char *path, int64_t *out, struct err *err)
{
    const struct json *value = present(node, path);

    if (value == NULL)
        return 0;
    if (value->type != JSON_NUMBER || !text_number(value->text, INT64_MIN, INT64_MAX, out))
        return wrong_type(path, "a whole number", err);
    return 0;
}

int json_want_bool(const struct json *node, const char *path, bool *out, struct err *err)
{
    const struct json *value = present(node, path);

    if (value == NULL)
        return 0;
    if (value->type != JSON_BOOL)
        return wrong_type(path, "true or false", err);
    *out = value->boolean;
    return 0;
}

int json_need_text(const struct json *node, const char *path, struct text *out, struct err *err)
{
    if (present(node, path) == NULL)
        return err_set(err, ERR_INVALID, "missing_field", "\"%s\" is missing.", path);
    return json_want_text(node, path, out, err);
}
