#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/catalogue/clash.h"
#include "registry/claim.h"
#include "registry/listing.h"
#include "registry/package.h"
#include "registry/routes.h"
#include "registry/search/query.h"
#include "registry/search/search.h"

#include <stdlib.h>

#define MAX_ANSWER ((size_t)16 << 20)

static void put_tenant(struct call *c, struct json_writer *w, struct text id)
{
    const struct account_tenant *tenant =
        id.base != NULL ? account_tenant_by_id(c->accounts, id) : NULL;
    json_put_str(w, "tenant", tenant != NULL ? tenant->slug : NULL);
}

struct page {
    struct call *call;
    struct json_writer w;
    int64_t left;
    struct text last; /* name of the last row that was written */
    bool more;
};

static bool put_row(void *arg, const struct listing_row *row)
{
    struct page *p = arg;
    if (p->left == 0) {
        p->more = true;
        return false;
    }
    p->left--;
    p->last = row->name;
    json_open(&p->w);
    json_put_text(&p->w, "name", row->name);
    put_tenant(p->call, &p->w, row->tenant);
    json_put_text(&p->w, "latest", row->latest);
    json_put_text(&p->w, "description", row->description);
    json_put_time(&p->w, "updated_at", row->modified_ms);
    json_put_int(&p->w, "versions", row->versions);
    json_key(&p->w, "types");
    json_raw(&p->w, row->types);
    json_put_bool(&p->w, "deprecated", row->deprecated);
    json_put_bool(&p->w, "private", row->tenant.base != NULL);
    json_close(&p->w);
    return true;
}

static int read_listing(struct call *c, struct listing *l, struct page *p, struct err *err)
{
    struct text slug = call_query(c, "tenant");
    *l = (struct listing){.registry = c->area, .who = c->who};
    if (call_page(c, &p->left, &l->after, err) != 0)
        return -1;
    if (slug.len == 0)
        return 0;
    const struct account_tenant *tenant = account_tenant_by_slug(c->accounts, slug);
    if (tenant == NULL || !identity_may(c->who, tenant->id, SCOPE_PACKAGE_READ))
        return err_set(err, ERR_NOT_FOUND, "tenant_not_found", "There is no such tenant.");
    l->tenant = tenant->id;
    return 0;
}

/* With a filter: best first, and the cursor is how many were shown. */
static int find_packages(struct call *c, struct db_conn *conn, const struct listing *l,
                         struct page *p, struct text *next, struct err *err)
{
    static const struct search_weights usual = {-1, -1, -1};
    struct sight sight = origin_sight(l->registry, c->pool, c->who);
    struct query query;
    struct search_hits hits;
    size_t limit = (size_t)p->left;
    int64_t from = 0;
    if (l->after.len > 0 && !text_number(l->after, 0, INT32_MAX, &from))
        return err_set(err, ERR_INVALID, "bad_cursor", "The cursor is not one of this list.");
    if (l->tenant != NULL)
        sight = (struct sight){.tenants = text_printf(c->pool, "[\"%s\"]", l->tenant),
                               .names = sight.names};
    query_read(c->pool, text_sub(call_query(c, "filter"), 0, SEARCH_TEXT_MAX), &query);
    if (search_find(conn, c->pool, &sight, &query, &usual, &hits, err) != 0)
        return -1;
    size_t first = (size_t)from < hits.n ? (size_t)from : hits.n;
    int failed = listing_found(conn, c->pool, hits.all + first, hits.n - first, put_row, p, err);
    free(hits.all);
    *next = p->more ? text_printf(c->pool, "%zu", first + limit) : TEXT_NONE;
    return failed;
}

static int list_packages(struct call *c, const struct listing *l, struct page *p, struct err *err)
{
    struct text next = TEXT_NONE;
    auto_read struct db_read r = db_read(l->registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    json_open(&p->w);
    json_key(&p->w, "items");
    json_open_array(&p->w);
    int failed = text_trim(call_query(c, "filter")).len > 0
                     ? find_packages(c, r.conn, l, p, &next, err)
                     : listing_each(l, r.conn, c->pool, put_row, p, err);
    if (failed != 0)
        return -1;
    json_close_array(&p->w);
    json_put_text(&p->w, "next", next.base != NULL || !p->more ? next : p->last);
    json_close(&p->w);
    return 0;
}

static void get_packages(struct call *c)
{
    struct err err;
    struct listing l;
    struct page p = {.call = c};
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&p.w, &out);
    if (asked_went_well(c, read_listing(c, &l, &p, &err), &err) &&
        asked_went_well(c, list_packages(c, &l, &p, &err), &err))
        call_json(c, 200, &out);
}

static int put_versions(struct json_writer *w, struct db_conn *conn, struct text name,
                        struct err *err)
{
    static const char sql[] =
        "SELECT version, published_at AS \"published_at@\", publisher, bytes, deprecated, "
        "(SELECT coalesce(json_group_array(tag), '[]') FROM package_tag AS t WHERE t.package = "
        "v.package "
        "AND t.version = v.version) AS \"tags!\", commit_id AS source_commit, "
        "install_script AS \"install_scripts?\", node_red, source, "
        "dist ->> '$.unpackedSize' AS unpacked_bytes, dist ->> '$.fileCount' AS files "
        "FROM package_version AS v "
        "WHERE package = ? ORDER BY id DESC";
    json_key(w, "versions");
    return db_json(w, conn, err, sql, "s", name);
}

static int put_tags(struct json_writer *w, struct db_conn *conn, struct pool *pool,
                    struct text name, struct err *err)
{
    static const char sql[] =
        "SELECT json_group_object(tag, version) FROM package_tag WHERE package = ?";
    struct text tags;
    if (db_get(conn, pool, err, sql, "s", "s", name, &tags) != 0)
        return -1;
    json_key(w, "tags");
    json_raw(w, tags);
    return 0;
}

static int put_owners(struct json_writer *w, struct db_conn *conn, struct text name,
                      struct err *err)
{
    static const char sql[] = "SELECT name AS user FROM package_owner WHERE package = ? ORDER BY "
                              "name";
    json_key(w, "owners");
    return db_json(w, conn, err, sql, "s", name);
}

static int put_latest(struct json_writer *w, struct db_conn *conn, struct pool *pool,
                      const struct package *p, struct err *err)
{
    static const char sql[] =
        "SELECT p.keywords, v.readme, v.deprecated IS NOT NULL FROM package AS p "
        "JOIN package_version AS v ON v.package = p.name AND v.version = p.latest "
        "WHERE p.name = ?";
    struct text keywords, readme;
    int64_t deprecated;
    if (db_get(conn, pool, err, sql, "s", "ssi", p->name, &keywords, &readme, &deprecated) != 0)
        return -1;
    json_key(w, "keywords");
    json_raw(w, keywords);
    json_put_text(w, "readme", readme);
    json_put_bool(w, "deprecated", deprecated != 0);
    return 0;
}

static int put_package(struct call *c, const struct asked *a, struct json_writer *w,
                       struct err *err)
{
    struct package p;
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    if (r.conn == NULL || package_get(r.conn, c->pool, a->name.full, &p, err) != 0)
        return -1;
    json_open(w);
    json_put_text(w, "name", p.name);
    put_tenant(c, w, p.tenant);
    json_put_text(w, "latest", p.latest);
    json_put_text(w, "description", p.description);
    json_put_time(w, "created_at", p.created_ms);
    json_put_time(w, "updated_at", p.modified_ms);
    json_put_bool(w, "private", p.tenant.base != NULL);
    json_key(w, "types");
    json_raw(w, p.types);
    struct clash_query clash = {.name = p.name, .tenant = a->origin.tenant, .types = p.types};
    json_key(w, "clashes");
    if (clash_json(w, r.conn, &clash, err) != 0)
        return -1;
    json_put_text(w, "install", text_printf(c->pool, "npm install %.*s", TEXT_ARG(p.name)));
    if (put_latest(w, r.conn, c->pool, &p, err) != 0 ||
        put_tags(w, r.conn, c->pool, p.name, err) != 0 || put_owners(w, r.conn, p.name, err) != 0 ||
        put_versions(w, r.conn, p.name, err) != 0)
        return -1;
    json_close(w);
    return 0;
}

static void get_package(struct call *c)
{
    struct asked a;
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (!asked_to_read(c, &a))
        return;
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (asked_went_well(c, put_package(c, &a, &w, &err), &err))
        call_json(c, 200, &out);
}

static int put_claims(struct call *c, struct json_writer *w, int64_t limit, struct text cursor,
                      struct err *err)
{
    static const char sql[] = "SELECT name, tenant, created_at FROM package_claim WHERE name > "
                              "coalesce(?, '') ORDER BY name LIMIT ?";
    struct registry *registry = c->area;
    struct text name, tenant, last = TEXT_NONE;
    int64_t created, n = 0;
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, err, sql, "si", cursor, limit + 1) != 0)
        return -1;
    json_key(w, "items");
    json_open_array(w);
    while (n++ < limit && db_next(&q, c->pool, "ssi", &name, &tenant, &created)) {
        json_open(w);
        json_put_text(w, "name", name);
        put_tenant(c, w, tenant);
        json_put_time(w, "created_at", created);
        json_close(w);
        last = name;
    }
    json_close_array(w);
    bool more = n > limit && db_next(&q, c->pool, "ssi", &name, &tenant, &created);
    json_put_text(w, "next", more ? last : TEXT_NONE);
    return q.failed ? -1 : 0;
}

static void get_claims(struct call *c)
{
    struct err err;
    struct json_writer w;
    int64_t limit;
    struct text cursor;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    if (!asked_went_well(c, call_page(c, &limit, &cursor, &err), &err) ||
        !asked_went_well(c, put_claims(c, &w, limit, cursor, &err), &err))
        return;
    json_close(&w);
    call_json(c, 200, &out);
}

static int read_claim(struct call *c, const struct json *doc, struct claim *claim,
                      struct text *slug, struct err *err)
{
    *claim = (struct claim){.by = text_of(c->who->name)};
    if (json_need_text(doc, "name", &claim->name, err) != 0 ||
        json_need_text(doc, "tenant", slug, err) != 0 ||
        json_want_bool(doc, "take_over", &claim->take_over, err) != 0)
        return -1;
    const struct account_tenant *tenant = account_tenant_by_slug(c->accounts, *slug);
    if (tenant == NULL)
        return err_set(err, ERR_UNPROCESSABLE, "tenant_not_found", "There is no tenant \"%.*s\".",
                       TEXT_ARG(text_sub(*slug, 0, 64)));
    claim->tenant = tenant->id;
    return 0;
}

static void post_claim(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct claim claim;
    struct text slug = TEXT_NONE;
    if (!asked_went_well(c, call_json_body(c, &doc, &err), &err) ||
        !asked_went_well(c, read_claim(c, doc, &claim, &slug, &err), &err) ||
        !asked_went_well(c, claim_create(c->area, c->pool, &claim, &err), &err))
        return;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 64 << 10);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "name", claim.name);
    json_put_text(&w, "tenant", slug);
    json_put_time(&w, "created_at", claim.created_ms);
    json_close(&w);
    call_json(c, 201, &out);
}

static void delete_claim(struct call *c)
{
    struct err err;
    if (asked_went_well(c, claim_remove(c->area, c->pool, call_param(c, "claim"), &err), &err))
        call_empty(c, 204);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/api/v1/packages",
     .handle = get_packages,
     .who = WHO_USER,
     .summary = "The packages that the asker may see",
     .query = "limit cursor filter tenant",
     .answer = "[Package]"},
    {.method = "GET",
     .path = "/api/v1/packages/:pkg",
     .handle = get_package,
     .who = WHO_USER,
     .summary = "One package with its versions and readme",
     .answer = "PackageDetail"},
    {.method = "GET",
     .path = "/api/v1/claims",
     .handle = get_claims,
     .who = WHO_ADMIN,
     .summary = "Names without a scope that belong to tenants",
     .query = "limit cursor",
     .answer = "[Claim]"},
    {.method = "POST",
     .path = "/api/v1/claims",
     .handle = post_claim,
     .who = WHO_ADMIN,
     .summary = "Claims a name for a tenant",
     .body = "NewClaim",
     .answer = "Claim",
     .status = 201},
    {.method = "DELETE",
     .path = "/api/v1/claims/:claim",
     .handle = delete_claim,
     .who = WHO_ADMIN,
     .summary = "Gives a claimed name back"},
};

int routes_api(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
