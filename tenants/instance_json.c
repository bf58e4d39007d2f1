/* The API's instance object, from the row and the account snapshot. */
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "tenants/instance.h"
#include "tenants/tenants.h"

#define JSON_COLUMNS                                                                               \
    "id, slug, tenant, name, stack, state, desired, since, cause, node_red, node, memory_bytes,"   \
    " restarts, generation, created_at"

struct row {
    struct text id, slug, tenant, name, stack, state, desired, cause, node_red, node;
    int64_t since, memory, restarts, generation, created;
};

/* "http://slug.DOMAIN:PORT/": the public URL's scheme and port with another host. */
static void put_url(struct json_writer *w, const char *key, const struct tenants_config *config,
                    struct pool *pool, struct text slug, const char *suffix)
{
    struct text base = text_of(config->public_url);
    size_t host = text_find(base, '/', 0) + 2;
    size_t port = text_find(base, ':', host);
    struct text scheme = text_sub(base, 0, host);

    json_put_text(
        w, key,
        text_printf(pool, "%.*s%.*s%s.%s%.*s/", TEXT_ARG(scheme), TEXT_ARG(slug), suffix,
                    config->instance_domain,
                    TEXT_ARG(port == SIZE_MAX ? TEXT_NONE : text_sub(base, port, base.len))));
}

static void write_row(struct tenants *tenants, struct json_writer *w, struct pool *pool,
                      struct snapshot *accounts, const struct row *r)
{
    const struct account_tenant *tenant = account_tenant_by_id(accounts, r->tenant);

    json_open(w);
    json_put_text(w, "id", r->id);
    json_put_text(w, "slug", r->slug);
    json_put_str(w, "tenant", tenant != NULL ? tenant->slug : NULL);
    json_put_text(w, "name", r->name);
    json_put_text(w, "stack", r->stack);
    json_put_text(w, "state", r->state);
    json_put_text(w, "desired", r->desired);
    json_put_time(w, "since", r->since);
    json_put_text(w, "cause", r->cause);
    put_url(w, "url", &tenants->config, pool, r->slug, "");
    put_url(w, "app_url", &tenants->config, pool, r->slug, "--app");
    json_put_bool(w, "ready", text_is(r->state, "running"));
    json_put_text(w, "node_red", r->node_red);
    json_put_text(w, "node", r->node);
    json_put_int(w, "memory_limit_bytes", r->memory);
    json_put_int(w, "restarts", r->restarts);
    json_put_int(w, "generation", r->generation);
    json_put_time(w, "created_at", r->created);
    json_close(w);
}

static bool next_row(struct db_rows *q, struct pool *pool, struct row *r)
{
    return db_next(q, pool, "sssssssisssiiii", &r->id, &r->slug, &r->tenant, &r->name, &r->stack,
                   &r->state, &r->desired, &r->since, &r->cause, &r->node_red, &r->node, &r->memory,
                   &r->restarts, &r->generation, &r->created);
}

int instance_json(struct tenants *tenants, struct json_writer *w, struct text id, struct err *err)
{
    static const char sql[] = "SELECT " JSON_COLUMNS " FROM instance WHERE id = ?";
    auto_pool struct pool *pool = pool_new();
    auto_read struct db_read r = db_read(tenants->config.control, err);
    auto_rows struct db_rows q = {0};
    struct row row;

    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "s", id) != 0)
        return -1;
    if (!next_row(&q, pool, &row))
        return q.failed ? -1
                        : err_set(err, ERR_NOT_FOUND, "instance_not_found",
                                  "There is no such instance.");
    struct snapshot *accounts = account_snapshot(tenants->config.account);
    write_row(tenants, w, pool, accounts, &row);
    snapshot_drop(accounts);
    return 0;
}

int instance_list_json(struct tenants *tenants, struct json_writer *w, struct instance_page *page,
                       struct pool *pool, struct err *err)
{
    static const char sql[] = "SELECT " JSON_COLUMNS " FROM instance"
                              " WHERE (?1 IS NULL OR tenant IN (SELECT value FROM json_each(?1)))"
                              " AND slug > ?2 AND desired <> 'removed' ORDER BY slug LIMIT ?3";
    auto_read struct db_read r = db_read(tenants->config.control, err);
    auto_rows struct db_rows q = {0};
    struct text after = page->cursor.base != NULL ? page->cursor : TEXT("");
    struct row row;
    int64_t n = 0;

    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "ssi", page->ids, after, page->limit) != 0)
        return -1;
    struct snapshot *accounts = account_snapshot(tenants->config.account);
    page->next = TEXT_NONE;
    while (next_row(&q, pool, &row)) {
        write_row(tenants, w, pool, accounts, &row);
        if (++n == page->limit)
            page->next = row.slug;
    }
    snapshot_drop(accounts);
    return q.failed ? -1 : 0;
}
