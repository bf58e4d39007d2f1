#include "registry/search.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/area.h"
#include "registry/listing.h"
#include "registry/pkgname.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_HITS 10000

struct hit {
    struct listing_row row;
    unsigned score; /* per mille */
};

struct hunt {
    struct listing listing;
    struct text scope, person, keyword; /* qualifiers; absent: any */
    struct hit *hits;
    size_t n, room;
};

static bool is_keyword(const struct hunt *h, const struct listing_row *row)
{
    size_t n = h->keyword.len;
    const char *at = row->keywords.base;
    const char *end = at + row->keywords.len;
    while (at < end && (at = memmem(at, (size_t)(end - at), h->keyword.base, n)) != NULL) {
        if (at > row->keywords.base && at[-1] == '"' && at + n < end && at[n] == '"')
            return true;
        at++;
    }
    return false;
}

static bool qualifies(const struct hunt *h, const struct listing_row *row)
{
    struct pkgname name;
    if (h->scope.base != NULL &&
        (!pkgname_split(row->name, &name) || !text_eq(name.scope, h->scope)))
        return false;
    if (h->person.base != NULL && !text_eq(row->publisher, h->person))
        return false;
    return h->keyword.base == NULL || is_keyword(h, row);
}

static unsigned score_of(const struct hunt *h, const struct listing_row *row)
{
    struct pkgname name;
    if (h->listing.n_words == 0 || !pkgname_split(row->name, &name))
        return 500;
    struct text word = h->listing.words[0];
    if (text_eq(row->name, word) || text_eq(name.base, word))
        return 1000;
    if (name.base.len > word.len && memcmp(name.base.base, word.base, word.len) == 0)
        return 800;
    return memmem(row->name.base, row->name.len, word.base, word.len) != NULL ? 600 : 300;
}

static bool on_row(void *arg, const struct listing_row *row)
{
    struct hunt *h = arg;
    if (!qualifies(h, row))
        return true;
    if (h->n == h->room) {
        h->room = h->room == 0 ? 64 : h->room * 2;
        h->hits = xrealloc(h->hits, h->room * sizeof *h->hits);
    }
    h->hits[h->n++] = (struct hit){*row, score_of(h, row)};
    return h->n < MAX_HITS;
}

static int by_score(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return text_cmp(x->row.name, y->row.name);
}

/* "keywords:a" and its kin go to their members, unknown qualifiers of npm are passed over, the rest
 * is words. */
static void read_text(struct hunt *h, struct pool *pool, struct text text)
{
    struct text rest = text, word, key, value;
    while (text_cut(&rest, ' ', &word)) {
        value = word;
        text_cut(&value, ':', &key);
        if (value.base == NULL || value.len == 0)
            listing_words(&h->listing, pool, word);
        else if (text_is(key, "scope"))
            h->scope = value.base[0] == '@' ? text_sub(value, 1, value.len) : value;
        else if (text_is(key, "maintainer") || text_is(key, "author"))
            h->person = value;
        else if (text_is(key, "keywords"))
            h->keyword = value;
        else if (!text_is(key, "not") && !text_is(key, "is") && !text_is(key, "boost-exact"))
            listing_words(&h->listing, pool, word);
    }
}

static int put_maintainers(struct json_writer *w, struct db_conn *conn, struct text name,
                           struct err *err)
{
    static const char sql[] =
        "SELECT name AS username, '' AS email FROM package_owner WHERE package = ? ORDER BY name";
    json_key(w, "maintainers");
    return db_json(w, conn, err, sql, "s", name);
}

static void put_links(struct json_writer *w, struct pool *pool, const struct registry *registry,
                      struct text name)
{
    json_key(w, "links");
    json_open(w);
    json_put_text(
        w, "npm",
        text_printf(pool, "%s/packages/%.*s", registry->config.public_url, TEXT_ARG(name)));
    json_close(w);
}

static void put_score(struct json_writer *w, unsigned score)
{
    char number[16];
    struct text t = text_n(
        number, (size_t)snprintf(number, sizeof number, "%u.%03u", score / 1000, score % 1000));
    json_key(w, "score");
    json_open(w);
    json_key(w, "final");
    json_raw(w, t);
    json_key(w, "detail");
    json_open(w);
    json_put_int(w, "quality", 1);
    json_put_int(w, "popularity", 0);
    json_put_int(w, "maintenance", 1);
    json_close(w);
    json_close(w);
    json_key(w, "searchScore");
    json_raw(w, t);
}

static int put_hit(struct json_writer *w, struct db_conn *conn, struct pool *pool,
                   const struct registry *registry, const struct hit *hit, struct err *err)
{
    const struct listing_row *row = &hit->row;
    json_open(w);
    json_key(w, "package");
    json_open(w);
    json_put_text(w, "name", row->name);
    json_put_text(w, "version", row->latest);
    json_put_text(w, "description", row->description);
    json_key(w, "keywords");
    json_raw(w, row->keywords);
    json_put_time(w, "date", row->modified_ms);
    put_links(w, pool, registry, row->name);
    json_key(w, "publisher");
    json_open(w);
    json_put_text(w, "username", row->publisher);
    json_put_str(w, "email", "");
    json_close(w);
    if (put_maintainers(w, conn, row->name, err) != 0)
        return -1;
    json_close(w);
    put_score(w, hit->score);
    json_key(w, "flags");
    json_open(w);
    json_put_int(w, "insecure", 0);
    json_close(w);
    json_close(w);
    return 0;
}

static int put_hits(struct hunt *h, struct db_conn *conn, struct pool *pool,
                    const struct search *search, struct buf *out, struct err *err)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open(&w);
    json_key(&w, "objects");
    json_open_array(&w);
    for (size_t i = (size_t)search->from; i < h->n && i < (size_t)(search->from + search->size);
         i++)
        if (put_hit(&w, conn, pool, h->listing.registry, &h->hits[i], err) != 0)
            return -1;
    json_close_array(&w);
    json_put_int(&w, "total", (int64_t)h->n);
    json_put_time(&w, "time", clock_wall_ms());
    json_close(&w);
    return 0;
}

int search_run(struct registry *registry, struct pool *pool, const struct identity *who,
               const struct search *search, struct buf *out, struct err *err)
{
    struct hunt *h = pool_zalloc(pool, sizeof *h);
    h->listing.registry = registry;
    h->listing.who = who;
    read_text(h, pool, search->text);
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    int failed = listing_each(&h->listing, r.conn, pool, on_row, h, err);
    if (failed == 0) {
        if (h->n > 1)
            qsort(h->hits, h->n, sizeof *h->hits, by_score);
        failed = put_hits(h, r.conn, pool, search, out, err);
    }
    free(h->hits);
    return failed;
}
