#include "http/limits.h"

#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/network.h"

#include <stdlib.h>

#define NAME_MOST 214
#define ROW_MOST ((size_t)128 << 10)
#define ROW_NODES 1000

struct limits {
    struct snapshot base;
    struct pool *pool;
    struct network *networks; /* as many as addresses */
    struct limits_list addresses, names, tenants;
    const char *actor;
    bool bypass_2fa;
};

static void free_limits(struct snapshot *s)
{
    struct limits *limits = (struct limits *)s;
    pool_free(limits->pool);
    free(limits);
}

static struct limits_list copy_list(struct pool *pool, struct limits_list from)
{
    struct text *items = pool_alloc(pool, (from.n + 1) * sizeof(*items));
    for (size_t i = 0; i < from.n; i++)
        items[i] = text_dup(pool, from.items[i]);
    return (struct limits_list){items, from.n};
}

static int check_list(struct limits_list list, const char *what, struct err *err)
{
    if (list.n > LIMITS_MOST)
        return err_set(err, ERR_UNPROCESSABLE, "bad_limit",
                       "A token is limited to at most %d %s; make two tokens.", LIMITS_MOST, what);
    for (size_t i = 0; i < list.n; i++) {
        struct text item = list.items[i];
        if (item.len == 0 || item.len > NAME_MOST || !text_is_printable(item) ||
            !text_is_utf8(item) || text_has(item, ' ') || text_has(item, '?') ||
            text_has(item, '['))
            return err_set(err, ERR_UNPROCESSABLE, "bad_limit",
                           "\"%.*s\" cannot be one of a token's %s.",
                           TEXT_ARG(text_sub(item, 0, 60)), what);
    }
    return 0;
}

static int read_networks(struct limits *limits, struct err *err)
{
    struct limits_list list = limits->addresses;
    limits->networks = pool_alloc(limits->pool, (list.n + 1) * sizeof(*limits->networks));
    for (size_t i = 0; i < list.n; i++) {
        if (!network_parse(list.items[i], &limits->networks[i]))
            return err_set(err, ERR_UNPROCESSABLE, "bad_cidr",
                           "\"%.*s\" is not an address or a range, such as 10.0.0.0/8 or "
                           "2001:db8::/32.",
                           TEXT_ARG(text_sub(list.items[i], 0, 60)));
    }
    return 0;
}

int limits_make(const struct limits_spec *spec, struct limits **out, struct err *err)
{
    bool empty = spec->addresses.n == 0 && spec->names.n == 0 && spec->tenants.n == 0 &&
                 spec->actor.len == 0 && !spec->bypass_2fa;
    *out = NULL;
    if (empty)
        return 0;
    if (check_list(spec->addresses, "addresses", err) != 0 ||
        check_list(spec->names, "packages", err) != 0 ||
        check_list(spec->tenants, "tenants", err) != 0)
        return -1;
    struct limits *limits = xcalloc(1, sizeof(*limits));
    snapshot_init(&limits->base, free_limits);
    limits->pool = pool_new();
    limits->addresses = copy_list(limits->pool, spec->addresses);
    limits->names = copy_list(limits->pool, spec->names);
    limits->tenants = copy_list(limits->pool, spec->tenants);
    limits->actor = spec->actor.len > 0 ? text_c(limits->pool, spec->actor) : NULL;
    limits->bypass_2fa = spec->bypass_2fa;
    if (read_networks(limits, err) != 0) {
        limits_drop(limits);
        return -1;
    }
    *out = limits;
    return 0;
}

void limits_hold(struct limits *limits)
{
    if (limits != NULL)
        snapshot_hold(&limits->base);
}

void limits_drop(struct limits *limits)
{
    if (limits != NULL)
        snapshot_drop(&limits->base);
}

static void put_list(struct json_writer *w, const char *key, struct limits_list list)
{
    json_key(w, key);
    json_open_array(w);
    for (size_t i = 0; i < list.n; i++)
        json_text(w, list.items[i]);
    json_close_array(w);
}

struct text limits_write(const struct limits *limits, struct pool *pool)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    if (limits == NULL)
        return TEXT_NONE;
    buf_init(&out, ROW_MOST);
    json_writer_init(&w, &out);
    json_open(&w);
    put_list(&w, "addresses", limits->addresses);
    put_list(&w, "names", limits->names);
    put_list(&w, "tenants", limits->tenants);
    json_put_str(&w, "actor", limits->actor);
    json_put_bool(&w, "bypass_2fa", limits->bypass_2fa);
    json_close(&w);
    return buf_take(&out, pool);
}

int limits_list_read(struct pool *pool, const struct json *doc, const char *key,
                     struct limits_list *out, struct err *err)
{
    const struct json *list = json_get(doc, key);
    size_t n = 0;
    *out = (struct limits_list){0};
    if (list == NULL || list->type == JSON_NULL)
        return 0;
    if (list->type != JSON_ARRAY)
        return err_set(err, ERR_UNPROCESSABLE, "bad_limit", "%s must be a list of texts.", key);
    struct text *items = pool_alloc(pool, (list->count + 1) * sizeof(*items));
    json_each (item, list) {
        if (item->type != JSON_STRING)
            return err_set(err, ERR_UNPROCESSABLE, "bad_limit", "%s must be a list of texts.", key);
        items[n++] = item->text;
    }
    *out = (struct limits_list){items, n};
    return 0;
}

int limits_read(struct pool *pool, struct text row, struct limits **out, struct err *err)
{
    struct limits_spec spec = {0};
    struct json *doc;
    *out = NULL;
    if (row.base == NULL)
        return 0;
    if (json_read(pool, row, ROW_NODES, &doc, err) != 0 ||
        limits_list_read(pool, doc, "addresses", &spec.addresses, err) != 0 ||
        limits_list_read(pool, doc, "names", &spec.names, err) != 0 ||
        limits_list_read(pool, doc, "tenants", &spec.tenants, err) != 0 ||
        json_want_text(doc, "actor", &spec.actor, err) != 0 ||
        json_want_bool(doc, "bypass_2fa", &spec.bypass_2fa, err) != 0)
        return -1;
    return limits_make(&spec, out, err);
}

void limits_put(const struct limits *limits, struct snapshot *accounts, struct json_writer *w)
{
    struct limits_list tenants = limits != NULL ? limits->tenants : (struct limits_list){0};
    put_list(w, "packages", limits_names(limits));
    put_list(w, "addresses", limits_addresses(limits));
    json_key(w, "tenants");
    json_open_array(w);
    for (size_t i = 0; i < tenants.n; i++) {
        const struct account_tenant *t = account_tenant_by_id(accounts, tenants.items[i]);
        json_text(w, t != NULL ? text_of(t->slug) : tenants.items[i]);
    }
    json_close_array(w);
    json_put_bool(w, "bypass_2fa", limits_bypass_2fa(limits));
}

bool limits_allow_address(const struct limits *limits, struct text address)
{
    unsigned char bytes[16];
    if (limits == NULL || limits->addresses.n == 0)
        return true;
    if (!network_address(address, bytes))
        return false;
    for (size_t i = 0; i < limits->addresses.n; i++)
        if (network_has(&limits->networks[i], bytes))
            return true;
    return false;
}

bool limits_allow_name(const struct limits *limits, struct text name)
{
    if (limits == NULL || limits->names.n == 0)
        return true;
    for (size_t i = 0; i < limits->names.n; i++)
        if (text_glob(limits->names.items[i], name))
            return true;
    return false;
}

bool limits_allow_tenant(const struct limits *limits, const char *tenant)
{
    if (limits == NULL || limits->tenants.n == 0)
        return true;
    for (size_t i = 0; tenant != NULL && i < limits->tenants.n; i++)
        if (text_is(limits->tenants.items[i], tenant))
            return true;
    return false;
}

bool limits_narrow(const struct limits *limits)
{
    return limits != NULL && (limits->addresses.n > 0 || limits->names.n > 0 ||
                              limits->tenants.n > 0 || limits->actor != NULL);
}

bool limits_bypass_2fa(const struct limits *limits)
{
    return limits != NULL && limits->bypass_2fa;
}

const char *limits_actor(const struct limits *limits)
{
    return limits != NULL ? limits->actor : NULL;
}

struct limits_list limits_addresses(const struct limits *limits)
{
    return limits != NULL ? limits->addresses : (struct limits_list){0};
}

struct limits_list limits_names(const struct limits *limits)
{
    return limits != NULL ? limits->names : (struct limits_list){0};
}
