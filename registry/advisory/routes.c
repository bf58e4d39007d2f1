/* The API of advisories: the list, who is concerned, imports. */
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/operation.h"
#include "http/route.h"
#include "registry/advisory/advisory.h"
#include "registry/advisory/osv.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/page/users.h"

#include <stdio.h>

#define MAX_IMPORT ((size_t)256 << 20)
#define MAX_ANSWER ((size_t)4 << 20)
#define MAX_OF_ONE 100     /* of one version */
#define MAX_CONCERNED 1000 /* that are told */
#define MAX_MODULES 1000000

/* One row of the list and what is told of it. */
struct entry {
    struct advisory a;
    struct text package;
};

static void put_entry(struct json_writer *w, const struct entry *e)
{
    const struct advisory *a = &e->a;
    char score[16];
    int n = snprintf(score, sizeof score, "%d.%d", (int)(a->score / 10), (int)(a->score % 10));
    json_put_text(w, "id", a->id);
    json_put_text(w, "title", a->title);
    json_put_text(w, "url", a->url);
    json_put_text(w, "level", a->level);
    json_key(w, "score");
    json_raw(w, a->score > 0 ? text_n(score, (size_t)n) : TEXT("null"));
    json_put_text(w, "vector", a->vector);
    json_key(w, "aliases");
    json_raw(w, a->aliases);
    json_key(w, "cwe");
    json_raw(w, a->cwe);
    json_put_bool(w, "own", a->own != 0);
    json_put_text(w, "published_at", a->published);
    json_put_text(w, "modified_at", a->modified);
    json_put_text(w, "package", e->package);
    json_put_text(w, "vulnerable", a->vulnerable);
    json_put_text(w, "patched", a->patched);
}

struct asking {
    int64_t limit, after;
    struct text behind; /* package */
    struct text package, level;
    struct sight sight;
};

static struct text given(struct call *c, const char *name)
{
    struct text t = call_query(c, name);
    return t.len > 0 ? t : TEXT_NONE;
}

static int read_asking(struct call *c, struct asking *a, struct err *err)
{
    struct text cursor, number;
    *a = (struct asking){.after = INT64_MAX,
                         .behind = TEXT(""),
                         .package = given(c, "package"),
                         .level = given(c, "level"),
                         .sight = origin_sight(c->area, c->pool, c->who)};
    if (call_page(c, &a->limit, &cursor, err) != 0)
        return -1;
    if (a->level.base != NULL && advisory_level(a->level) == 0)
        return err_set(err, ERR_INVALID, "bad_level",
                       "The level is one of low, moderate, high, critical.");
    if (cursor.len == 0)
        return 0;
    if (!text_cut(&cursor, ' ', &number) || !text_number(number, 1, INT64_MAX, &a->after))
        return err_set(err, ERR_INVALID, "bad_cursor", "The cursor is not one of this list.");
    a->behind = cursor.base != NULL ? cursor : TEXT("");
    return 0;
}

/* Those about packages of tenants that the asker is not in are not there. */
static int list(struct call *c, const struct asking *a, struct json_writer *w, struct err *err)
{
    static const char sql[] =
        "SELECT a.number, a.id, a.title, a.url, a.level, a.score, a.vector, a.aliases, a.cwe, "
        "r.vulnerable, r.patched, a.published_at, a.modified_at, a.own, r.package FROM advisory AS "
        "a JOIN advisory_range AS r ON r.advisory = a.number WHERE (a.own = 0 OR ?1 OR a.tenant IN "
        "(SELECT value FROM json_each(?2)) OR (?3 AND a.tenant IS NULL)) AND (?4 IS NULL OR "
        "r.package = ?4) AND (?5 IS NULL OR a.level = ?5) AND (a.number < ?6 OR (a.number = ?6 AND "
        "r.package > ?7)) AND (?9 IS NULL OR a.own = 0 OR EXISTS (SELECT 1 FROM json_each(?9) "
        "WHERE "
        "r.package GLOB value)) ORDER BY a.number DESC, r.package LIMIT ?8";
    struct registry *registry = c->area;
    struct entry e;
    struct text next = TEXT_NONE, last = TEXT_NONE;
    int64_t n = 0;
    auto_read struct db_read r = db_read(registry->config.control, err);
    auto_rows struct db_rows q = {0};
    if (r.conn == NULL ||
        db_each (&q, r.conn, err, sql, "isissisis", (int64_t)a->sight.all, a->sight.tenants,
                 (int64_t)a->sight.platform, a->package, a->level, a->after, a->behind,
                 a->limit + 1, a->sight.names) != 0)
        return -1;
    json_key(w, "items");
    json_open_array(w);
    while (db_next(&q, c->pool, "issssisssssssis", &e.a.number, &e.a.id, &e.a.title, &e.a.url,
                   &e.a.level, &e.a.score, &e.a.vector, &e.a.aliases, &e.a.cwe, &e.a.vulnerable,
                   &e.a.patched, &e.a.published, &e.a.modified, &e.a.own, &e.package)) {
        if (n++ == a->limit) {
            next = last;
            break;
        }
        json_open(w);
        put_entry(w, &e);
        json_close(w);
        last = text_printf(c->pool, "%lld %.*s", (long long)e.a.number, TEXT_ARG(e.package));
    }
    json_close_array(w);
    json_put_text(w, "next", next);
    return q.failed ? -1 : 0;
}

static void get_advisories(struct call *c)
{
    struct err err;
    struct asking a;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    if (!asked_went_well(c, read_asking(c, &a, &err), &err) ||
        !asked_went_well(c, list(c, &a, &w, &err), &err))
        return;
    json_close(&w);
    call_json(c, 200, &out);
}

/* Who is concerned: what instances have, held against what is known. */
struct concern {
    struct call *c;
    struct json_writer *w;
    struct db_conn *conn;
    struct err *err;
    struct pool *pool; /* of the last look, which all below lies in */
    struct text package, version;
    struct entry found[MAX_OF_ONE];
    size_t n_found, n;
    const struct package_user *user;
    bool failed;
};

static bool keep_if_covers(void *arg, const struct advisory *a)
{
    struct concern *s = arg;
    if (advisory_covers(a->vulnerable, s->version))
        s->found[s->n_found++] = (struct entry){*a, s->package};
    return s->n_found < MAX_OF_ONE;
}

/* An instance tells what it likes of what it has: that is no way to what is known against packages
 * of others. */
static bool may_know(const struct concern *s, const struct origin *origin)
{
    return origin->kind == ORIGIN_PUBLIC ||
           (origin->kind != ORIGIN_NOBODY && origin_may_read(s->c->area, s->c->who, origin) &&
            origin_check_limits(s->c->who, origin, s->package, NULL) == 0);
}

static int look(struct concern *s, const struct package_user *user)
{
    struct pkgname name;
    pool_free(s->pool);
    s->pool = pool_new();
    s->n_found = 0;
    s->package = text_dup(s->pool, user->package);
    s->version = text_dup(s->pool, user->version);
    if (!pkgname_split(s->package, &name))
        return 0;
    struct origin origin = origin_of(s->c->area, s->pool, s->c->accounts, &name);
    return !may_know(s, &origin)
               ? 0
               : advisory_each(s->conn, s->pool, s->package, origin.kind != ORIGIN_PUBLIC,
                               keep_if_covers, s, s->err);
}

static bool put_concerned(void *arg, const struct package_user *user)
{
    struct concern *s = arg;
    const struct account_tenant *tenant = account_tenant_by_id(s->c->accounts, user->tenant);
    bool same = s->package.base != NULL && text_eq(s->package, user->package) &&
                text_eq(s->version, user->version);
    if (tenant == NULL)
        return true;
    if (!same && look(s, user) != 0) {
        s->failed = true;
        return false;
    }
    for (size_t i = 0; i < s->n_found && s->n < MAX_CONCERNED; i++, s->n++) {
        json_open(s->w);
        json_put_str(s->w, "tenant", tenant->slug);
        json_put_text(s->w, "instance", user->instance);
        json_put_text(s->w, "version", user->version);
        json_put_bool(s->w, "direct", user->direct);
        json_key(s->w, "advisory");
        json_open(s->w);
        put_entry(s->w, &s->found[i]);
        json_close(s->w);
        json_close(s->w);
    }
    return s->n < MAX_CONCERNED;
}

static int list_concerned(struct call *c, struct json_writer *w, struct err *err)
{
    struct registry *registry = c->area;
    const struct registry_config *config = &registry->config;
    struct concern *s = pool_zalloc(c->pool, sizeof *s);
    auto_read struct db_read r = db_read(config->control, err);
    if (r.conn == NULL)
        return -1;
    *s = (struct concern){.c = c, .w = w, .conn = r.conn, .err = err};
    struct package_users query = {
        .tenants = users_tenants(c), .limit = MAX_MODULES, .each = put_concerned, .arg = s};
    json_key(w, "items");
    json_open_array(w);
    int failed = config->users_of != NULL &&
                 (config->users_of(config->arg, c->pool, &query, err) != 0 || s->failed);
    pool_free(s->pool);
    if (failed)
        return -1;
    json_close_array(w);
    json_put_bool(w, "more", s->n == MAX_CONCERNED);
    return 0;
}

static void get_concerned(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    if (!asked_went_well(c, list_concerned(c, &w, &err), &err))
        return;
    json_close(&w);
    call_json(c, 200, &out);
}

static void post_import(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;
    char operation[27];
    if (asked_went_well(
            c, advisories_import(registry->advisories, c->body, c->who->user, operation, &err),
            &err))
        operation_answer(registry->config.operations, c, operation);
}

static void get_imports(struct call *c)
{
    static const char sql[] =
        "SELECT i.id AS operation, i.started_at AS \"ended_at@\", i.report AS \"report!\", (SELECT "
        "count(*) FROM advisory) AS advisories FROM advisory_import AS i ORDER BY i.started_at "
        "DESC LIMIT 20";
    struct registry *registry = c->area;
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    auto_read struct db_read r = db_read(registry->config.control, &err);
    if (!asked_went_well(c, r.conn == NULL || db_json(&w, r.conn, &err, sql, "") != 0 ? -1 : 0,
                         &err))
        return;
    json_put_text(&w, "next", TEXT_NONE);
    json_close(&w);
    call_json(c, 200, &out);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/api/v1/advisories",
     .handle = get_advisories,
     .who = WHO_USER,
     .summary = "What is known against packages, newest first",
     .query = "limit cursor package level",
     .answer = "[Advisory]"},
    {.method = "GET",
     .path = "/api/v1/advisories/concerned",
     .handle = get_concerned,
     .who = WHO_USER,
     .summary = "The instances that have a version that something is known against",
     .answer = "Concerned"},
    {.method = "POST",
     .path = "/api/v1/advisories/import",
     .handle = post_import,
     .who = WHO_ADMIN,
     .lane = LANE_ARCHIVE,
     .max_body = MAX_IMPORT,
     .summary = "Takes an OSV export: one advisory, an array of them, or a .zip or .tgz of such "
                "files",
     .body = "OsvExport application/zip application/gzip",
     .answer = "Started",
     .status = 202},
    {.method = "GET",
     .path = "/api/v1/advisories/imports",
     .handle = get_imports,
     .who = WHO_ADMIN,
     .summary = "The last imports of advisories and what they did",
     .answer = "[AdvisoryImport]"},
};

int advisory_routes(struct registry *registry, struct router *router, struct err *err)
{
    return own_routes(registry, router, err) != 0
               ? -1
               : router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
