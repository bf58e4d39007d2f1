#include "registry/search/search.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/ready.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/origin.h"
#include "registry/search/index.h"
#include "registry/search/query.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define KEPT_BYTES ((size_t)8 << 20)
#define MAX_ANSWER ((size_t)16 << 20)
#define MAX_NODES 200000
#define MAX_AUTHOR 1000 /* bytes; of a longer one the name is told */
#define MIME "application/json"

/* Answers are named by how often any package had changed when they were asked for: what is old is
 * never asked for again and falls out of the budget. */
struct search {
    struct ready *ready;
    atomic_ullong changes;
};

/* One request. */
struct asking {
    struct registry *registry;
    struct text text;
    int64_t size, from;
    struct search_weights weights;
    struct sight sight;
};

struct search *search_open(struct registry *registry, struct err *err)
{
    if (index_missing(registry->config.control, err) != 0)
        return NULL;
    struct search *search = xcalloc(1, sizeof *search);
    search->ready = ready_new(KEPT_BYTES);
    return search;
}

void search_close(struct search *search)
{
    if (search == NULL)
        return;
    ready_free(search->ready);
    free(search);
}

void search_changed(struct search *search)
{
    atomic_fetch_add(&search->changes, 1);
}

static void put_per_mille(struct json_writer *w, const char *key, int64_t n)
{
    char number[32];
    int len = snprintf(number, sizeof number, "%lld.%03lld", (long long)(n / 1000),
                       (long long)(n % 1000));
    json_key(w, key);
    json_raw(w, text_n(number, (size_t)len));
}

static void put_score(struct json_writer *w, const struct search_hit *hit, bool insecure)
{
    json_key(w, "score");
    json_open(w);
    put_per_mille(w, "final", hit->final);
    json_key(w, "detail");
    json_open(w);
    put_per_mille(w, "quality", hit->quality);
    put_per_mille(w, "popularity", hit->popularity);
    put_per_mille(w, "maintenance", hit->maintenance);
    json_close(w);
    json_close(w);
    put_per_mille(w, "searchScore", hit->score / 1000);
    json_key(w, "flags");
    json_open(w);
    json_put_int(w, "insecure", insecure ? 1 : 0);
    json_close(w);
}

/* A text, or the member `key` of an object. */
static void put_link(struct json_writer *w, const struct json *doc, const char *name,
                     const char *key)
{
    const struct json *node = json_get(doc, name);
    if (node != NULL && node->type == JSON_OBJECT)
        node = json_get(node, key);
    if (node != NULL && node->type == JSON_STRING && node->text.len > 0)
        json_put_text(w, name, text_sub(node->text, 0, 1000));
}

static void put_manifest(struct json_writer *w, const struct asking *a, struct pool *pool,
                         struct text name, const struct json *doc)
{
    const struct json *author = json_get(doc, "author"), *license = json_get(doc, "license");
    json_key(w, "links");
    json_open(w);
    json_put_text(
        w, "npm",
        text_printf(pool, "%s/ui/packages/%.*s", a->registry->config.public_url, TEXT_ARG(name)));
    put_link(w, doc, "homepage", "url");
    put_link(w, doc, "repository", "url");
    put_link(w, doc, "bugs", "url");
    json_close(w);
    if (license != NULL && license->type == JSON_STRING)
        json_put_text(w, "license", text_sub(license->text, 0, 200));
    if (author == NULL || (author->type != JSON_STRING && author->type != JSON_OBJECT))
        return;
    json_key(w, "author");
    if (author->type == JSON_OBJECT && author->raw.len <= MAX_AUTHOR) {
        json_raw(w, author->raw);
        return;
    }
    const struct json *named = author->type == JSON_OBJECT ? json_get(author, "name") : author;
    json_open(w);
    if (named != NULL && named->type == JSON_STRING)
        json_put_text(w, "name", text_sub(named->text, 0, 200));
    json_close(w);
}

static int put_hit(struct json_writer *w, struct db_conn *conn, struct pool *pool,
                   const struct asking *a, const struct search_hit *hit, struct err *err)
{
    static const char sql[] =
        "SELECT p.name, p.latest, p.description, p.keywords, p.publisher, v.published_at, "
        "s.insecure, v.manifest, (SELECT json_group_array(json_object('username', name, 'email', "
        "'')) FROM package_owner WHERE package = p.name) FROM package_search AS s JOIN package AS "
        "p ON p.name = s.package JOIN package_version AS v ON v.package = p.name AND v.version = "
        "p.latest WHERE s.id = ?";
    struct text name, latest, description, keywords, publisher, manifest, owners;
    int64_t published, insecure;
    struct json *doc;
    if (db_get(conn, pool, err, sql, "i", "sssssiiss", hit->id, &name, &latest, &description,
               &keywords, &publisher, &published, &insecure, &manifest, &owners) != 0 ||
        json_read(pool, manifest, MAX_NODES, &doc, err) != 0)
        return -1;
    json_open(w);
    json_key(w, "package");
    json_open(w);
    json_put_text(w, "name", name);
    json_put_text(w, "version", latest);
    json_put_text(w, "description", description);
    json_key(w, "keywords");
    json_raw(w, keywords);
    json_put_time(w, "date", published);
    put_manifest(w, a, pool, name, doc);
    json_key(w, "publisher");
    json_open(w);
    json_put_text(w, "username", publisher);
    json_put_str(w, "email", "");
    json_close(w);
    json_key(w, "maintainers");
    json_raw(w, owners);
    json_close(w);
    put_score(w, hit, insecure != 0);
    json_close(w);
    return 0;
}

static int put_hits(struct json_writer *w, struct db_conn *conn, const struct asking *a,
                    const struct search_hits *hits, struct err *err)
{
    size_t n = hits->n, from = (size_t)a->from < n ? (size_t)a->from : n;
    size_t to = n - from < (size_t)a->size ? n : from + (size_t)a->size;
    json_open(w);
    json_key(w, "objects");
    json_open_array(w);
    for (size_t i = from; i < to; i++) {
        auto_pool struct pool *pool = pool_new(); /* manifests are whole, and hits are many */
        if (put_hit(w, conn, pool, a, &hits->all[i], err) != 0)
            return -1;
    }
    json_close_array(w);
    json_put_int(w, "total", (int64_t)n);
    json_put_time(w, "time", clock_wall_ms());
    json_close(w);
    return 0;
}

static int build(void *arg, struct pool *pool, struct text key, struct text *body, struct err *err)
{
    const struct asking *a = arg;
    struct query query;
    struct json_writer w;
    struct search_hits hits;
    auto_buf struct buf out = {0};
    query_read(pool, a->text, &query);
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    if (r.conn == NULL ||
        search_find(r.conn, pool, &a->sight, &query, &a->weights, &hits, err) != 0)
        return -1;
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    int failed = put_hits(&w, r.conn, a, &hits, err);
    free(hits.all);
    if (failed != 0)
        return -1;
    if (buf_failed(&out))
        return err_set(err, ERR_TOO_LARGE, "too_large", "Ask for fewer packages at once.");
    *body = buf_take(&out, pool);
    return 0;
}

/* A number of the query within bounds, or its default. */
static int64_t number_of(struct call *c, const char *name, int64_t max, int64_t preset)
{
    int64_t n;
    return text_number(call_query(c, name), 0, max, &n) ? n : preset;
}

/* "0.65" in per mille; below 0: not said, or no such number. */
static int64_t weight_of(struct call *c, const char *name)
{
    struct text value = call_query(c, name), whole;
    int64_t ones, part = 0;
    if (value.len == 0 || value.len > 16)
        return -1;
    text_cut(&value, '.', &whole);
    if (!text_number(whole, 0, 1000, &ones))
        return -1;
    value = text_sub(value, 0, 3);
    if (value.len > 0 && !text_number(value, 0, 999, &part))
        return -1;
    for (size_t i = value.len; value.len > 0 && i < 3; i++)
        part *= 10;
    return ones * 1000 + part;
}

/* False: the text is none. */
static bool read_asking(struct call *c, struct asking *a)
{
    *a = (struct asking){.registry = c->area,
                         .text = text_trim(call_query(c, "text")),
                         .size = number_of(c, "size", SEARCH_MAX_SIZE, 20),
                         .from = number_of(c, "from", SEARCH_MAX_FROM, 0),
                         .weights = {weight_of(c, "quality"), weight_of(c, "popularity"),
                                     weight_of(c, "maintenance")}};
    a->sight = origin_sight(a->registry, c->pool, c->who);
    return a->text.len > 0 && a->text.len <= SEARCH_TEXT_MAX && text_is_utf8(a->text);
}

static struct text key_of(struct call *c, const struct asking *a)
{
    unsigned char sum[SHA256_BYTES];
    sha256(text_printf(c->pool, "%.*s %.*s", TEXT_ARG(a->sight.tenants), TEXT_ARG(a->sight.names)),
           sum);
    return text_printf(c->pool, "%llu %d%d%.*s %lld %lld %lld %lld %lld %.*s",
                       (unsigned long long)atomic_load(&a->registry->search->changes), a->sight.all,
                       a->sight.platform, TEXT_ARG(b64url_encode(c->pool, sum, sizeof sum)),
                       (long long)a->size, (long long)a->from, (long long)a->weights.quality,
                       (long long)a->weights.popularity, (long long)a->weights.maintenance,
                       TEXT_ARG(a->text));
}

static void set_headers(struct call *c)
{
    call_set(c, "cache-control", TEXT("private, no-cache"));
    call_set(c, "vary", TEXT("authorization"));
}

static bool needs_login(const struct call *c, const struct asking *a)
{
    return c->who->kind == IDENTITY_ANONYMOUS && !a->registry->config.anonymous_read;
}

static bool ready_search(struct call *c)
{
    struct asking a;
    if (!read_asking(c, &a) || needs_login(c, &a))
        return false;
    set_headers(c);
    return ready_answer(a.registry->search->ready, c, key_of(c, &a), MIME);
}

static void get_search(struct call *c)
{
    struct asking a;
    struct err err;
    int failed = 0;
    bool good = read_asking(c, &a);
    if (needs_login(c, &a))
        failed = err_set(&err, ERR_UNAUTHORIZED, "login_needed", "Log in first: npm login.");
    else if (a.text.len == 0)
        failed =
            err_set(&err, ERR_INVALID, "text_missing", "ERR_TEXT_MISSING: say what to search for.");
    else if (!good)
        failed = err_set(&err, ERR_INVALID, "bad_text", "A search has at most %d characters.",
                         SEARCH_TEXT_MAX);
    if (!asked_went_well(c, failed, &err))
        return;
    set_headers(c);
    ready_build(a.registry->search->ready, c, key_of(c, &a), MIME, build, &a);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/npm/-/v1/search",
     .handle = get_search,
     .ready = ready_search,
     .faces = FACE_PLATFORM | FACE_CARRIER,
     .summary = "Searches the packages that the asker may see"},
};

int search_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
