#include "registry/package.h"

#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/pkgname.h"
#include "registry/search/index.h"

int package_get(struct db_conn *conn, struct pool *pool, struct text name, struct package *out,
                struct err *err)
{
    static const char sql[] =
        "SELECT name, tenant, rev, created_at, modified_at, versions, latest, description, types "
        "FROM package WHERE name = ?";
    struct package p;
    struct err why;
    if (db_get(conn, pool, &why, sql, "s", "ssiiiisss", name, &p.name, &p.tenant, &p.rev,
               &p.created_ms, &p.modified_ms, &p.versions, &p.latest, &p.description,
               &p.types) != 0) {
        if (why.kind == ERR_NOT_FOUND)
            return err_set(err, ERR_NOT_FOUND, "package_not_found", "There is no package \"%.*s\".",
                           TEXT_ARG(name));
        return err_set(err, why.kind, why.code, "%s", why.text);
    }
    *out = p;
    return 0;
}

struct text package_rev(struct pool *pool, const struct package *package)
{
    unsigned char hash[SHA256_BYTES];
    sha256(text_printf(pool, "%.*s %lld %lld", TEXT_ARG(package->name),
                       (long long)package->created_ms, (long long)package->rev),
           hash);
    return text_printf(pool, "%lld-%.*s", (long long)package->rev, 32,
                       hex_encode(pool, hash, 16).base);
}

int package_check_rev(struct pool *pool, const struct package *package, struct text rev,
                      struct err *err)
{
    if (rev.base == NULL || text_eq(rev, package_rev(pool, package)))
        return 0;
    return err_set(err, ERR_CONFLICT, "stale_rev",
                   "\"%.*s\" has changed since it was read. Read it again and repeat.",
                   TEXT_ARG(package->name));
}

int package_create(struct db_conn *conn, struct pool *pool, struct text name, const char *tenant,
                   int64_t now_ms, bool *new_scope, struct err *err)
{
    static const char sql[] =
        "INSERT INTO package (name, folded, tenant, rev, created_at, modified_at) "
        "VALUES (?, ?, ?, 0, ?, ?) ON CONFLICT DO NOTHING";
    static const char scope_sql[] = "INSERT INTO package_scope (scope, tenant, created_at) VALUES "
                                    "(?, ?, ?) ON CONFLICT DO NOTHING";
    struct pkgname n;
    int rows = db_do(conn, err, sql, "sszii", name, text_lower(pool, name), tenant, now_ms, now_ms);
    if (rows < 0)
        return -1;
    if (rows == 0)
        return err_set(err, ERR_CONFLICT, "name_differs_in_case",
                       "There is a package whose name differs from \"%.*s\" only in case.",
                       TEXT_ARG(name));
    *new_scope = false;
    if (!pkgname_split(name, &n) || n.scope.len == 0)
        return 0;
    rows = db_do(conn, err, scope_sql, "szi", n.scope, tenant, now_ms);
    *new_scope = rows > 0;
    return rows < 0 ? -1 : 0;
}

#define NEEDS_MOST "500"

/* What its latest version needs, for those who ask from the other side: they read all packages'
 * needs, so that one package's have a ceiling. */
static int write_needs(struct db_conn *conn, struct text name, struct err *err)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO package_need (package, needs) SELECT p.name, "
        "(SELECT json_group_array(json_array(kind, name, substr(range, 1, 200))) FROM "
        "(SELECT k.value AS kind, d.key AS name, d.value AS range FROM "
        "json_each('[\"dependencies\",\"optionalDependencies\",\"peerDependencies\"]') AS k, "
        "json_each(v.abbreviated, '$.' || k.value) AS d WHERE d.type = 'text' AND "
        "length(d.key) <= 214 LIMIT " NEEDS_MOST ")) "
        "FROM package AS p JOIN package_version AS v ON v.package = p.name AND v.version = "
        "p.latest WHERE p.name = ?";

    return db_do(conn, err, sql, "s", name) < 0 ? -1 : 0;
}

int package_finish(struct db_conn *conn, struct pool *pool, struct text name, int64_t now_ms,
                   struct err *err)
{
    static const char gone_sql[] = "DELETE FROM package WHERE name = ? AND NOT EXISTS "
                                   "(SELECT 1 FROM package_version WHERE package = package.name)";
    static const char sql[] =
        "UPDATE package SET rev = rev + 1, modified_at = ?, latest = v.version, "
        "description = coalesce(iif(json_type(v.manifest, '$.description') = 'text', "
        "substr(v.manifest ->> '$.description', 1, 500), ''), ''), "
        "keywords = coalesce(iif(json_type(v.manifest, '$.keywords') = 'array', "
        "v.manifest -> '$.keywords', '[]'), '[]'), "
        "types = v.types, publisher = v.publisher, deprecated = v.deprecated IS NOT NULL, "
        "versions = (SELECT count(*) FROM package_version WHERE package = package.name) "
        "FROM package_version AS v, package_tag AS t WHERE package.name = ? AND t.package = "
        "package.name "
        "AND t.tag = 'latest' AND v.package = t.package AND v.version = t.version";
    if (index_forget(conn, name, err) != 0)
        return -1;
    int gone = db_do(conn, err, gone_sql, "s", name);
    if (gone != 0)
        return gone < 0 ? -1 : 0;
    if (package_ensure_latest(conn, pool, name, err) != 0 ||
        db_do(conn, err, sql, "is", now_ms, name) < 0)
        return -1;
    return write_needs(conn, name, err) != 0 ? -1 : index_package(conn, pool, name, err);
}

static int check_tombstone(struct db_conn *conn, struct pool *pool, struct text name,
                           const struct package_version *v, struct err *err)
{
    static const char sql[] =
        "SELECT sha512 FROM package_tombstone WHERE package = ? AND version = ?";
    static const char lift_sql[] =
        "DELETE FROM package_tombstone WHERE package = ? AND version = ?";
    struct text old;
    struct err why;
    if (db_get(conn, pool, &why, sql, "ss", "b", name, v->version, &old) != 0) {
        if (why.kind == ERR_NOT_FOUND)
            return 0;
        return err_set(err, why.kind, why.code, "%s", why.text);
    }
    if (!text_eq(old, v->sha512))
        return err_set(err, ERR_CONFLICT, "version_removed",
                       "%.*s@%.*s was removed and its number stays used. Publish a higher version.",
                       TEXT_ARG(name), TEXT_ARG(v->version));
    return db_do(conn, err, lift_sql, "ss", name, v->version) < 0 ? -1 : 0;
}

int package_add_version(struct db_conn *conn, struct pool *pool, struct text name,
                        const struct package_version *v, struct err *err)
{
    static const char sql[] =
        "INSERT INTO package_version (package, version, manifest, abbreviated, dist, readme, "
        "readme_name, "
        "types, node_red, deprecated, sha512, bytes, install_script, publisher, publisher_id, "
        "source, "
        "commit_id, published_at, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?) "
        "ON CONFLICT (package, version) DO NOTHING";
    if (check_tombstone(conn, pool, name, v, err) != 0)
        return -1;
    int rows = db_do(conn, err, sql, "ssssssssssbiissssis", name, v->version, v->manifest,
                     v->abbreviated, v->dist, v->readme, v->readme_name, v->types, v->node_red,
                     v->deprecated, v->sha512, v->bytes, (int64_t)v->install_script, v->publisher,
                     v->publisher_id, v->source, v->commit, v->published_ms, v->key);
    if (rows == 0)
        return err_set(err, ERR_CONFLICT, "version_exists",
                       "%.*s@%.*s is there already. Publish a higher version.", TEXT_ARG(name),
                       TEXT_ARG(v->version));
    return rows < 0 ? -1 : 0;
}

int package_get_stored(struct db_conn *conn, struct pool *pool, struct text name,
                       struct text version, struct package_stored *out, struct err *err)
{
    static const char sql[] =
        "SELECT sha512, publisher_id, published_at, bytes FROM package_version "
        "WHERE package = ? AND version = ?";
    return db_get(conn, pool, err, sql, "ss", "bsii", name, version, &out->sha512,
                  &out->publisher_id, &out->published_ms, &out->bytes);
}

static int no_version(struct text name, struct text version, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "version_not_found", "There is no version %.*s of \"%.*s\".",
                   TEXT_ARG(text_sub(version, 0, SEMVER_MAX / 4)), TEXT_ARG(name));
}

int package_remove_version(struct db_conn *conn, struct pool *pool, struct text name,
                           struct text version, struct text by, int64_t now_ms, struct err *err)
{
    static const char bury_sql[] = "INSERT OR REPLACE INTO package_tombstone (package, version, "
                                   "sha512, removed_at, removed_by) "
                                   "SELECT package, version, sha512, ?, ? FROM package_version "
                                   "WHERE package = ? AND version = ?";
    static const char sql[] = "DELETE FROM package_version WHERE package = ? AND version = ?";
    int rows = db_do(conn, err, bury_sql, "isss", now_ms, by, name, version);
    if (rows == 0)
        return no_version(name, version, err);
    if (rows < 0)
        return -1;
    return db_do(conn, err, sql, "ss", name, version) < 0 ? -1 : 0;
}

int package_deprecate(struct db_conn *conn, struct text name, struct text version,
                      struct text message, struct err *err)
{
    static const char sql[] = "UPDATE package_version SET deprecated = ?1 WHERE package = ?2 "
                              "AND version = ?3 AND deprecated IS NOT ?1";
    return db_do(conn, err, sql, "sss", message.len > 0 ? message : TEXT_NONE, name, version);
}

int package_was_removed(struct db_conn *conn, struct pool *pool, struct text name,
                        struct text version, bool *out, struct err *err)
{
    static const char sql[] =
        "SELECT count(*) FROM package_tombstone WHERE package = ? AND version = ?";
    int64_t n;
    if (db_get(conn, pool, err, sql, "ss", "i", name, version, &n) != 0)
        return -1;
    *out = n > 0;
    return 0;
}

int package_set_tag(struct db_conn *conn, struct pool *pool, struct text name, struct text tag,
                    struct text version, struct err *err)
{
    static const char sql[] =
        "INSERT INTO package_tag (package, tag, version) SELECT package, ?, version FROM "
        "package_version "
        "WHERE package = ? AND version = ? ON CONFLICT (package, tag) DO UPDATE SET version = "
        "excluded.version";
    int rows = db_do(conn, err, sql, "sss", tag, name, version);
    if (rows == 0)
        return no_version(name, version, err);
    return rows < 0 ? -1 : 0;
}

int package_remove_tag(struct db_conn *conn, struct text name, struct text tag, struct err *err)
{
    static const char sql[] = "DELETE FROM package_tag WHERE package = ? AND tag = ?";
    if (text_is(tag, "latest"))
        return err_set(err, ERR_UNPROCESSABLE, "latest_stays",
                       "The tag latest cannot be removed. Move it to another version instead.");
    int rows = db_do(conn, err, sql, "ss", name, tag);
    if (rows == 0)
        return err_set(err, ERR_NOT_FOUND, "tag_not_found", "\"%.*s\" has no tag \"%.*s\".",
                       TEXT_ARG(name), TEXT_ARG(text_sub(tag, 0, 64)));
    return rows < 0 ? -1 : 0;
}

int package_get_tag(struct db_conn *conn, struct pool *pool, struct text name, struct text tag,
                    struct text *version, struct err *err)
{
    static const char sql[] = "SELECT version FROM package_tag WHERE package = ? AND tag = ?";
    return db_get(conn, pool, err, sql, "ss", "s", name, tag, version);
}

/* A release beats every prerelease, else the order of versions. */
static bool is_better(const struct semver *a, const struct semver *b)
{
    if ((a->pre.len == 0) != (b->pre.len == 0))
        return a->pre.len == 0;
    return semver_cmp(a, b) > 0;
}

int package_ensure_latest(struct db_conn *conn, struct pool *pool, struct text name,
                          struct err *err)
{
    static const char sql[] =
        "SELECT version FROM package_version WHERE package = ? AND NOT EXISTS "
        "(SELECT 1 FROM package_tag WHERE package = ? AND tag = 'latest')";
    struct text version, best_text = TEXT_NONE;
    struct semver v, best = {0};
    {
        auto_rows struct db_rows q = {0};
        if (db_each (&q, conn, err, sql, "ss", name, name) != 0)
            return -1;
        while (db_next(&q, pool, "s", &version)) {
            if (!semver_parse(version, &v) || (best_text.base != NULL && !is_better(&v, &best)))
                continue;
            best = v;
            best_text = version;
        }
        if (q.failed)
            return -1;
    }
    if (best_text.base == NULL)
        return 0;
    return package_set_tag(conn, pool, name, TEXT("latest"), best_text, err);
}

int package_add_owner(struct db_conn *conn, struct text name, struct text user_id, struct text user,
                      struct err *err)
{
    static const char sql[] =
        "INSERT INTO package_owner (package, user, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    return db_do(conn, err, sql, "sss", name, user_id, user) < 0 ? -1 : 0;
}

int package_remove_owner(struct db_conn *conn, struct text name, struct text user, struct err *err)
{
    static const char sql[] = "DELETE FROM package_owner WHERE package = ? AND name = ?";
    int rows = db_do(conn, err, sql, "ss", name, user);

    return rows == 0
               ? err_set(err, ERR_NOT_FOUND, "owner_not_found",
                         "\"%.*s\" is no owner of this package.", TEXT_ARG(text_sub(user, 0, 64)))
           : rows < 0 ? -1
                      : 0;
}

int package_clear_owners(struct db_conn *conn, struct text name, struct err *err)
{
    static const char sql[] = "DELETE FROM package_owner WHERE package = ?";
    return db_do(conn, err, sql, "s", name) < 0 ? -1 : 0;
}

int package_owners_json(struct db_conn *conn, struct pool *pool, struct text name, struct text *out,
                        struct err *err)
{
    static const char sql[] =
        "SELECT name, '' AS email FROM package_owner WHERE package = ? ORDER BY name";
    auto_buf struct buf b = {0};
    struct json_writer w;
    buf_init(&b, (size_t)1 << 20);
    json_writer_init(&w, &b);
    if (db_json(&w, conn, err, sql, "s", name) != 0)
        return -1;
    if (buf_failed(&b))
        return err_set(err, ERR_TOO_LARGE, "too_large", "The package has too many owners.");
    *out = buf_take(&b, pool);
    return 0;
}
