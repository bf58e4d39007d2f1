#include "registry/search/index.h"

#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/advisory/advisory.h"
#include "registry/advisory/osv.h"
#include "registry/pkgname.h"
#include "registry/semver.h"

#define README_CHARACTERS "8000"
#define MAX_WORDS ((size_t)64 << 10)
#define BATCH 500

/* What a package says of itself. */
struct page {
    struct text name, tenant, latest, publisher;
    struct text description, keywords, types, readme, author;
    int64_t modified_ms, deprecated, has_license, has_repository;
    bool insecure;
    struct pkgname split;
};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* A part begins at i: aB, or the last capital of a run before a small letter (JSONStream). */
static bool begins(struct text t, size_t i)
{
    return is_upper(t.base[i]) &&
           (is_lower(t.base[i - 1]) ||
            (is_upper(t.base[i - 1]) && i + 1 < t.len && is_lower(t.base[i + 1])));
}

void index_parts(struct buf *out, struct text name)
{
    bool any = false;
    for (size_t i = 1; i < name.len && !any; i++)
        any = begins(name, i);
    for (size_t i = 0; any && i < name.len; i++) {
        if (i > 0 && begins(name, i))
            buf_char(out, ' ');
        buf_char(out, name.base[i]);
    }
    if (any)
        buf_char(out, ' ');
}

void index_joined(struct buf *out, struct text name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.base[i];
        if (is_lower(c) || is_upper(c))
            buf_char(out, c);
    }
    buf_char(out, ' ');
}

/* Node types are a JSON array of strings. */
static int words_of(struct pool *pool, const struct page *p, struct text *out, struct err *err)
{
    struct json *types;
    auto_buf struct buf words = {0};
    buf_init(&words, MAX_WORDS);
    index_joined(&words, p->split.base);
    index_parts(&words, p->split.base);
    if (json_read(pool, p->types, 100000, &types, err) != 0)
        return -1;
    json_each (type, types)
        index_parts(&words, type->text);
    *out = buf_failed(&words) ? TEXT("") : text_dup(pool, buf_view(&words));
    return 0;
}

static int64_t quality_of(const struct page *p, bool unstable)
{
    if (p->deprecated != 0)
        return 0;
    return 100 + (p->readme.len > 100 ? 300 : 0) + (p->has_license != 0 ? 150 : 0) +
           (p->description.len > 0 ? 150 : 0) + (p->keywords.len > 0 ? 100 : 0) +
           (p->has_repository != 0 ? 100 : 0) + (unstable ? 0 : 100);
}

static bool is_unstable(struct text version)
{
    struct semver v;
    return !semver_parse(version, &v) || v.major == 0 || v.pre.len > 0;
}

static int read_page(struct db_conn *conn, struct pool *pool, struct text name, struct page *p,
                     struct err *err)
{
    static const char sql[] =
        "SELECT p.name, p.tenant, p.latest, p.publisher, p.description, "
        "coalesce((SELECT group_concat(value, ' ') FROM json_each(p.keywords)), ''), p.types, "
        "coalesce(substr(v.readme, 1, " README_CHARACTERS "), ''), "
        "lower(substr(CASE json_type(v.manifest, '$.author') WHEN 'object' THEN "
        "coalesce(v.manifest ->> '$.author.name', '') || ' ' || "
        "coalesce(v.manifest ->> '$.author.email', '') "
        "WHEN 'text' THEN v.manifest ->> '$.author' ELSE '' END, 1, 200)), "
        "p.modified_at, p.deprecated, json_type(v.manifest, '$.license') IS NOT NULL, "
        "json_type(v.manifest, '$.repository') IS NOT NULL "
        "FROM package AS p JOIN package_version AS v ON v.package = p.name AND v.version = "
        "p.latest WHERE p.name = ?";
    return db_get(conn, pool, err, sql, "s", "sssssssssiiii", name, &p->name, &p->tenant,
                  &p->latest, &p->publisher, &p->description, &p->keywords, &p->types, &p->readme,
                  &p->author, &p->modified_ms, &p->deprecated, &p->has_license, &p->has_repository);
}

static bool note_insecure(void *arg, const struct advisory *a)
{
    struct page *p = arg;
    p->insecure = advisory_covers(a->vulnerable, p->latest);
    return !p->insecure;
}

/* The facts; *id and, if the words were others before, *stale. */
static int write_facts(struct db_conn *conn, struct pool *pool, const struct page *p,
                       struct text digest, int64_t *id, bool *stale, struct err *err)
{
    static const char old_sql[] = "SELECT digest FROM package_search WHERE package = ?";
    static const char sql[] =
        "INSERT INTO package_search (package, tenant, modified_at, deprecated, scope, base, "
        "publisher, author, unstable, insecure, quality, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
        "?, "
        "?, ?, ?) "
        "ON CONFLICT (package) DO UPDATE SET tenant = excluded.tenant, modified_at = "
        "excluded.modified_at, deprecated = excluded.deprecated, publisher = excluded.publisher, "
        "author = excluded.author, unstable = excluded.unstable, insecure = "
        "excluded.insecure, quality = excluded.quality, "
        "digest = excluded.digest";
    static const char id_sql[] = "SELECT id FROM package_search WHERE package = ?";
    struct text old = TEXT_NONE;
    struct err why;
    bool unstable = is_unstable(p->latest);
    bool known = db_get(conn, pool, &why, old_sql, "s", "b", p->name, &old) == 0;
    if (!known && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, why.code, "%s", why.text);
    *stale = !known || !text_eq(old, digest);
    struct text scope = p->split.scope.len > 0 ? p->split.scope : TEXT_NONE;
    if (db_do(conn, err, sql, "ssiissssiiib", p->name, p->tenant, p->modified_ms, p->deprecated,
              scope, text_lower(pool, p->split.base), p->publisher, p->author, (int64_t)unstable,
              (int64_t)p->insecure, quality_of(p, unstable), digest) < 0)
        return -1;
    return db_get(conn, pool, err, id_sql, "s", "i", p->name, id);
}

int index_package(struct db_conn *conn, struct pool *pool, struct text name, struct err *err)
{
    static const char clear_sql[] = "DELETE FROM package_text WHERE rowid = ?";
    static const char sql[] = "INSERT INTO package_text (rowid, name, words, keywords, types, "
                              "description, readme) VALUES (?, ?, ?, ?, ?, ?, ?)";
    unsigned char sum[SHA256_BYTES];
    struct page p = {0};
    struct text words;
    int64_t id;
    bool stale = true;
    if (read_page(conn, pool, name, &p, err) != 0)
        return -1;
    if (!pkgname_split(p.name, &p.split))
        p.split = (struct pkgname){.full = p.name, .base = p.name};
    if (words_of(pool, &p, &words, err) != 0)
        return -1;
    if (advisory_each(conn, pool, p.name, true, note_insecure, &p, err) != 0)
        return -1;
    sha256(text_printf(pool, "%.*s\n%.*s\n%.*s\n%.*s\n%.*s", TEXT_ARG(words), TEXT_ARG(p.keywords),
                       TEXT_ARG(p.types), TEXT_ARG(p.description), TEXT_ARG(p.readme)),
           sum);
    if (write_facts(conn, pool, &p, text_n(sum, 16), &id, &stale, err) != 0)
        return -1;
    if (!stale)
        return 0;
    return db_do(conn, err, clear_sql, "i", id) < 0 ||
                   db_do(conn, err, sql, "issssss", id, p.name, words, p.keywords, p.types,
                         p.description, p.readme) < 0
               ? -1
               : 0;
}

int index_forget(struct db_conn *conn, struct text name, struct err *err)
{
    static const char sql[] =
        "DELETE FROM package_text WHERE rowid = (SELECT id FROM package_search WHERE package = ?1 "
        "AND NOT EXISTS (SELECT 1 FROM package_version WHERE package = ?1))";
    return db_do(conn, err, sql, "s", name) < 0 ? -1 : 0;
}

/* Up to BATCH of them in one transaction; *n says how many. */
static int index_some(struct db *db, size_t *n, struct err *err)
{
    static const char sql[] =
        "SELECT p.name FROM package AS p JOIN package_version AS v ON v.package = p.name AND "
        "v.version = p.latest WHERE NOT EXISTS (SELECT 1 FROM package_search WHERE package = "
        "p.name) LIMIT ?";
    struct text names[BATCH];
    auto_pool struct pool *pool = pool_new();
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, db, err) != 0)
        return -1;
    *n = 0;
    {
        auto_rows struct db_rows q = {0};
        if (db_each (&q, tx.conn, err, sql, "i", (int64_t)BATCH) != 0)
            return -1;
        while (*n < BATCH && db_next(&q, pool, "s", &names[*n]))
            ++*n;
        if (q.failed)
            return -1;
    }
    for (size_t i = 0; i < *n; i++) {
        auto_pool struct pool *own = pool_new();
        if (index_package(tx.conn, own, names[i], err) != 0)
            return -1;
    }
    return *n > 0 ? db_commit(&tx, err) : 0;
}

/* Two counts, so that a start with many packages does not look at each. */
static int is_missing(struct db *db, bool *missing, struct err *err)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM package) - (SELECT count(*) FROM package_search)";
    int64_t n = 0;
    auto_pool struct pool *pool = pool_new();
    auto_read struct db_read r = db_read(db, err);
    if (r.conn == NULL || db_get(r.conn, pool, err, sql, "", "i", &n) != 0)
        return -1;
    *missing = n != 0;
    return 0;
}

int index_missing(struct db *db, struct err *err)
{
    bool missing = false;
    size_t n = BATCH;
    if (is_missing(db, &missing, err) != 0)
        return -1;
    while (missing && n == BATCH)
        if (index_some(db, &n, err) != 0)
            return -1;
    return 0;
}
