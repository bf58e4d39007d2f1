#include "registry/uplink/uplink.h"

#include "core/codec.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/log.h"
#include "core/pool.h"
#include "core/seal.h"
#include "core/url.h"
#include "registry/uplink/breaker.h"
#include "registry/uplink/part.h"

#include <stdlib.h>

static void table_free(struct snapshot *s)
{
    struct uplink_table *table = (struct uplink_table *)s;
    pool_free(table->pool);
    free(table);
}

int uplink_choose(const struct uplink_table *table, struct text name, const struct uplink **out,
                  struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct text folded = text_lower(pool, name);
    for (size_t i = 0; i < table->n_rules; i++) {
        const struct uplink_rule *r = &table->rules[i];
        if (!text_glob(r->pattern, folded))
            continue;
        if (r->uplink == NULL)
            return err_set(err, ERR_FORBIDDEN, "name_blocked",
                           "\"%.*s\" is blocked by a rule of this platform%s%.*s.",
                           TEXT_ARG(text_sub(name, 0, 80)), r->reason.len > 0 ? ": " : "",
                           TEXT_ARG(text_sub(r->reason, 0, 100)));
        *out = r->uplink;
        return 0;
    }
    *out = &table->all[0];
    return 0;
}

const struct uplink *uplink_find(const struct uplink_table *table, struct text name)
{
    for (size_t i = 0; i < table->n; i++)
        if (text_is(name, table->all[i].name))
            return &table->all[i];
    return NULL;
}

bool uplink_allows(const struct uplink *uplink, const char *origin)
{
    if (uplink->origin != NULL && strcmp(origin, uplink->origin) == 0)
        return true;
    for (size_t i = 0; uplink->hosts != NULL && uplink->hosts[i] != NULL; i++)
        if (strcmp(origin, uplink->hosts[i]) == 0)
            return true;
    return false;
}

/* "Bearer …" or "Basic …" of what is sealed; NULL when it does not open: nothing is sent then. */
static const char *authorize(struct uplinks *u, struct pool *pool, const char *name,
                             struct text kind, struct text sealed)
{
    struct text secret;
    struct err err;
    if (text_is(kind, "none") || sealed.base == NULL)
        return NULL;
    if (seal_get(u->config.seal, pool, uplink_secret_purpose(pool, name), sealed, &secret, &err) !=
        0) {
        log_error("uplink", err.text, "uplink=%s", name);
        return NULL;
    }
    if (text_is(kind, "bearer"))
        return pool_printf(pool, "Bearer %.*s", TEXT_ARG(secret));
    struct text basic = b64_encode(pool, secret.base, secret.len);
    return pool_printf(pool, "Basic %.*s", TEXT_ARG(basic));
}

static const char *open_proxy(struct uplinks *u, struct pool *pool, const char *name,
                              struct text sealed)
{
    struct text proxy;
    if (sealed.base == NULL)
        return NULL;
    if (seal_get(u->config.seal, pool, uplink_proxy_purpose(pool, name), sealed, &proxy, NULL) != 0)
        return NULL;
    return text_c(pool, proxy);
}

static const char *const *read_hosts(struct pool *pool, struct text list)
{
    struct json *doc;
    size_t n = 0;
    if (json_read(pool, list, 200, &doc, NULL) != 0 || doc->type != JSON_ARRAY)
        return NULL;
    const char **out = pool_zalloc(pool, (doc->count + 1) * sizeof *out);
    json_each (item, doc)
        if (url_origin(pool, text_c(pool, item->text), &out[n], NULL) == 0)
            n++;
    return out;
}

/* Hosts of an option: "https://a.example,https://b.example". */
static const char *const *cut_hosts(struct pool *pool, const char *list)
{
    struct text rest = text_of(list), one;
    size_t n = 0;
    const char **out = pool_zalloc(pool, 33 * sizeof *out);
    while (list != NULL && n < 32 && text_cut(&rest, ',', &one))
        if (url_origin(pool, text_c(pool, text_trim(one)), &out[n], NULL) == 0)
            n++;
    return out;
}

static void set_url(struct pool *pool, struct uplink *u, struct text url)
{
    while (text_ends(url, "/"))
        url.len--;
    u->url = text_c(pool, url);
    if (url_origin(pool, u->url, &u->origin, NULL) != 0)
        u->url = NULL;
}

static void add_default(struct uplinks *us, struct uplink_table *t)
{
    const struct uplinks_config *c = &us->config;
    struct uplink *u = &t->all[t->n++];
    *u = (struct uplink){.name = UPLINK_DEFAULT,
                         .hosts = cut_hosts(t->pool, c->hosts),
                         .timeout_ms = c->timeout_ms,
                         .fresh_ms = c->fresh_ms,
                         .stale_ms = c->stale_ms,
                         .offline = c->offline,
                         .breaker = uplinks_breaker(us, TEXT(UPLINK_DEFAULT))};
    if (c->url != NULL)
        set_url(t->pool, u, text_of(c->url));
}

static int add_rows(struct uplinks *us, struct uplink_table *t, struct db_conn *conn,
                    struct err *err)
{
    static const char sql[] =
        "SELECT name, url, auth, secret, proxy, no_proxy, ca, hosts, timeout_ms, fresh_ms, "
        "stale_ms, offline FROM uplink ORDER BY name";
    struct text name, url, auth, secret, proxy, no_proxy, ca, hosts;
    int64_t timeout, fresh, stale, offline;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, sql, "") != 0)
        return -1;
    while (t->n < UPLINKS_MOST + 1 &&
           db_next(&q, t->pool, "ssssssssiiii", &name, &url, &auth, &secret, &proxy, &no_proxy, &ca,
                   &hosts, &timeout, &fresh, &stale, &offline)) {
        struct uplink *u = &t->all[t->n++];
        *u = (struct uplink){.name = text_c(t->pool, name),
                             .no_proxy = no_proxy.base != NULL ? text_c(t->pool, no_proxy) : NULL,
                             .ca = ca,
                             .hosts = read_hosts(t->pool, hosts),
                             .timeout_ms = timeout,
                             .fresh_ms = fresh,
                             .stale_ms = stale,
                             .offline = offline != 0 || us->config.offline,
                             .breaker = uplinks_breaker(us, name)};
        set_url(t->pool, u, url);
        u->authorization = authorize(us, t->pool, u->name, auth, secret);
        u->proxy = open_proxy(us, t->pool, u->name, proxy);
    }
    return q.failed ? -1 : 0;
}

static int add_rules(struct uplink_table *t, struct db_conn *conn, struct err *err)
{
    static const char sql[] = "SELECT pattern, uplink, reason FROM uplink_rule ORDER BY position";
    struct text pattern, uplink, reason;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, sql, "") != 0)
        return -1;
    while (t->n_rules < UPLINK_RULES_MOST &&
           db_next(&q, t->pool, "sss", &pattern, &uplink, &reason)) {
        const struct uplink *chosen = uplink.base != NULL ? uplink_find(t, uplink) : NULL;
        /* A name that leads nowhere is no way to another uplink. */
        t->rules[t->n_rules++] = (struct uplink_rule){text_lower(t->pool, pattern), chosen, reason};
    }
    return q.failed ? -1 : 0;
}

struct uplink_table *uplink_table_read(struct uplinks *uplinks, struct err *err)
{
    auto_read struct db_read r = db_read(uplinks->config.control, err);
    if (r.conn == NULL)
        return NULL;
    struct uplink_table *t = xcalloc(1, sizeof *t);
    snapshot_init(&t->base, table_free);
    t->pool = pool_new();
    t->all = pool_zalloc(t->pool, (UPLINKS_MOST + 1) * sizeof *t->all);
    t->rules = pool_zalloc(t->pool, UPLINK_RULES_MOST * sizeof *t->rules);
    add_default(uplinks, t);
    if (add_rows(uplinks, t, r.conn, err) != 0 || add_rules(t, r.conn, err) != 0) {
        snapshot_drop(&t->base);
        return NULL;
    }
    return t;
}
