#include "registry/packument.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/package.h"
#include "registry/pkgname.h"
#include "registry/star.h"

#define MAX_NODES 200000

struct building {
    struct db_conn *conn;
    struct pool *pool;
    const char *base;
    struct pkgname name;
    struct buf *out;
    struct err *err;
};

static void quote(struct buf *out, struct text t)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_text(&w, t);
}

static void member(struct buf *out, const char *key, struct text t)
{
    buf_printf(out, ",\"%s\":", key);
    quote(out, t);
}

void packument_tarball_url(struct buf *out, const char *base, const struct pkgname *name,
                           struct text version)
{
    buf_str(out, base);
    buf_char(out, '/');
    buf_text(out, name->full);
    buf_str(out, "/-/");
    buf_text(out, name->base);
    buf_char(out, '-');
    buf_text(out, version);
    buf_str(out, ".tgz");
}

struct text packument_tarball_version(const struct pkgname *name, struct text file)
{
    size_t front = name->base.len + 1;
    if (file.len <= front + 4 || !text_ends(file, ".tgz") ||
        !text_eq(text_sub(file, 0, name->base.len), name->base) || file.base[name->base.len] != '-')
        return TEXT_NONE;
    return text_sub(file, front, file.len - front - 4);
}

static void add_attestations(struct building *b, const struct package_version *v)
{
    buf_printf(b->out, "\"attestations\":{\"url\":\"%s/-/npm/v1/attestations/%.*s@%.*s\"", b->base,
               TEXT_ARG(b->name.full), TEXT_ARG(v->version));
    buf_str(b->out, ",\"provenance\":{\"predicateType\":");
    quote(b->out, v->provenance);
    buf_str(b->out, "}},");
}

/* {stored members…,"deprecated":…,"dist":{"tarball":…,stored…}} */
static void add_version(struct building *b, const struct package_version *v, struct text doc)
{
    buf_text(b->out, text_sub(doc, 0, doc.len - 1));
    if (v->deprecated.base != NULL)
        member(b->out, "deprecated", v->deprecated);
    buf_str(b->out, ",\"dist\":{\"tarball\":\"");
    packument_tarball_url(b->out, b->base, &b->name, v->version);
    buf_str(b->out, "\",");
    if (v->provenance.base != NULL)
        add_attestations(b, v);
    buf_text(b->out, text_sub(v->dist, 1, v->dist.len));
    buf_char(b->out, '}');
}

static int add_versions(struct building *b, enum packument_form form)
{
    static const char full_sql[] =
        "SELECT version, deprecated, dist, provenance, manifest FROM package_version "
        "WHERE package = ? ORDER BY id";
    static const char short_sql[] =
        "SELECT version, deprecated, dist, provenance, abbreviated FROM package_version "
        "WHERE package = ? ORDER BY id";
    struct package_version v;
    struct text doc;
    bool first = true;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, b->conn, b->err, form == PACKUMENT_FULL ? full_sql : short_sql, "s",
                 b->name.full) != 0)
        return -1;
    buf_str(b->out, ",\"versions\":{");
    while (!buf_failed(b->out) &&
           db_next(&q, b->pool, "sssss", &v.version, &v.deprecated, &v.dist, &v.provenance, &doc)) {
        if (!first)
            buf_char(b->out, ',');
        first = false;
        quote(b->out, v.version);
        buf_char(b->out, ':');
        add_version(b, &v, doc);
    }
    buf_char(b->out, '}');
    return q.failed ? -1 : 0;
}

static int add_times(struct building *b, const struct package *p)
{
    static const char sql[] =
        "SELECT version, published_at FROM package_version WHERE package = ? ORDER BY id";
    struct text version;
    int64_t at;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, b->conn, b->err, sql, "s", b->name.full) != 0)
        return -1;
    buf_printf(b->out, ",\"time\":{\"created\":\"%s\",\"modified\":\"%s\"",
               clock_iso(b->pool, p->created_ms), clock_iso(b->pool, p->modified_ms));
    while (db_next(&q, b->pool, "si", &version, &at)) {
        buf_char(b->out, ',');
        quote(b->out, version);
        buf_printf(b->out, ":\"%s\"", clock_iso(b->pool, at));
    }
    buf_char(b->out, '}');
    return q.failed ? -1 : 0;
}

static int tags_json(struct db_conn *conn, struct pool *pool, struct text name, struct buf *out,
                     struct err *err)
{
    static const char sql[] = "SELECT tag, version FROM package_tag WHERE package = ? ORDER BY tag";
    struct text tag, version;
    struct json_writer w;
    json_writer_init(&w, out);
    json_open(&w);
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, sql, "s", name) != 0)
        return -1;
    while (db_next(&q, pool, "ss", &tag, &version)) {
        json_key_text(&w, tag);
        json_text(&w, version);
    }
    json_close(&w);
    return q.failed ? -1 : 0;
}

/* What npm shows at the top comes from the manifest of latest. */
static int add_top(struct building *b, const struct package *p)
{
    static const char sql[] = "SELECT manifest, readme, readme_name FROM package_version WHERE "
                              "package = ? AND version = ?";
    static const char *const hoisted[] = {"description", "author", "contributors", "repository",
                                          "homepage",    "bugs",   "license",      "keywords"};
    struct text manifest, readme, readme_name, owners, users;
    struct json *doc;
    if (db_get(b->conn, b->pool, b->err, sql, "ss", "sss", b->name.full, p->latest, &manifest,
               &readme, &readme_name) != 0 ||
        json_read(b->pool, manifest, MAX_NODES, &doc, b->err) != 0 ||
        package_owners_json(b->conn, b->pool, b->name.full, &owners, b->err) != 0 ||
        star_users(b->conn, b->pool, b->name.full, &users, b->err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof hoisted / sizeof hoisted[0]; i++) {
        const struct json *node = json_get(doc, hoisted[i]);
        if (node == NULL)
            continue;
        buf_printf(b->out, ",\"%s\":", hoisted[i]);
        buf_text(b->out, node->raw);
    }
    buf_str(b->out, ",\"maintainers\":");
    buf_text(b->out, owners);
    if (!text_is(users, "{}")) {
        buf_str(b->out, ",\"users\":");
        buf_text(b->out, users);
    }
    if (readme.base != NULL) {
        member(b->out, "readme", readme);
        if (readme_name.base != NULL)
            member(b->out, "readmeFilename", readme_name);
    }
    return 0;
}

static int build(struct building *b, const struct package *p, enum packument_form form)
{
    if (form == PACKUMENT_FULL) {
        buf_str(b->out, "{\"_id\":");
        quote(b->out, b->name.full);
        member(b->out, "_rev", package_rev(b->pool, p));
        member(b->out, "name", b->name.full);
    } else {
        buf_str(b->out, "{\"name\":");
        quote(b->out, b->name.full);
        buf_printf(b->out, ",\"modified\":\"%s\"", clock_iso(b->pool, p->modified_ms));
    }
    buf_str(b->out, ",\"dist-tags\":");
    if (tags_json(b->conn, b->pool, b->name.full, b->out, b->err) != 0 ||
        add_versions(b, form) != 0 || add_times(b, p) != 0 ||
        (form == PACKUMENT_FULL && add_top(b, p) != 0))
        return -1;
    buf_char(b->out, '}');
    if (buf_failed(b->out))
        return err_set(b->err, ERR_TOO_LARGE, "too_large",
                       "\"%.*s\" has too many versions to list.", TEXT_ARG(b->name.full));
    return 0;
}

int packument_build(struct db_conn *conn, struct pool *pool, const char *base, struct text name,
                    enum packument_form form, struct text *body, struct err *err)
{
    auto_buf struct buf out = {0};
    struct building b = {.conn = conn, .pool = pool, .base = base, .out = &out, .err = err};
    struct package p;
    buf_init(&out, PACKUMENT_MAX);
    if (package_get(conn, pool, name, &p, err) != 0)
        return -1;
    if (!pkgname_split(name, &b.name))
        return err_set(err, ERR_NOT_FOUND, "package_not_found", "There is no such package.");
    if (build(&b, &p, form) != 0)
        return -1;
    *body = buf_take(&out, pool);
    return 0;
}

int packument_version(struct db_conn *conn, struct pool *pool, const char *base, struct text name,
                      struct text which, struct text *body, struct err *err)
{
    static const char sql[] =
        "SELECT version, deprecated, dist, provenance, manifest FROM package_version WHERE package "
        "= ?1 AND "
        "version = "
        "coalesce((SELECT version FROM package_tag WHERE package = ?1 AND tag = ?2), ?2)";
    auto_buf struct buf out = {0};
    struct building b = {.conn = conn, .pool = pool, .base = base, .out = &out, .err = err};
    struct package_version v;
    struct text doc;
    struct err why;
    buf_init(&out, PACKUMENT_MAX);
    if (!pkgname_split(name, &b.name) ||
        db_get(conn, pool, &why, sql, "ss", "sssss", name, which, &v.version, &v.deprecated,
               &v.dist, &v.provenance, &doc) != 0)
        return err_set(err, ERR_NOT_FOUND, "version_not_found",
                       "There is no version or tag \"%.*s\" of \"%.*s\".",
                       TEXT_ARG(text_sub(which, 0, 64)), TEXT_ARG(name));
    add_version(&b, &v, doc);
    if (buf_failed(&out))
        return err_set(err, ERR_TOO_LARGE, "too_large", "The version's document is too large.");
    *body = buf_take(&out, pool);
    return 0;
}

int packument_tags(struct db_conn *conn, struct pool *pool, struct text name, struct text *body,
                   struct err *err)
{
    auto_buf struct buf out = {0};
    struct package p;
    buf_init(&out, PACKUMENT_MAX);
    if (package_get(conn, pool, name, &p, err) != 0 || tags_json(conn, pool, name, &out, err) != 0)
        return -1;
    *body = buf_take(&out, pool);
    return 0;
}
