#include "registry/stage/show.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/manifest.h"
#include "registry/page/contents.h"
#include "registry/stage/stage.h"

void stage_write_npm(struct json_writer *w, struct pool *pool, const struct stage *stage)
{
    json_open(w);
    json_put_text(w, "id", stage->id);
    json_put_text(w, "packageName", stage->package);
    json_put_text(w, "version", stage->version);
    json_put_text(w, "tag", stage->tag);
    json_put_str(w, "status", "pending");
    json_put_str(w, "createdAt", clock_iso(pool, stage->created_ms));
    json_put_text(w, "actor", stage->actor);
    json_put_text(w, "actorType", stage->actor_type);
    json_put_text(w, "shasum", stage->shasum);
    json_put_str(w, "expiresAt", clock_iso(pool, stage->expires_ms));
    json_close(w);
}

void stage_write(struct json_writer *w, struct snapshot *accounts, const struct stage *stage)
{
    const struct account_tenant *t =
        stage->tenant.base != NULL ? account_tenant_by_id(accounts, stage->tenant) : NULL;
    json_put_text(w, "id", stage->id);
    json_put_text(w, "package", stage->package);
    json_put_text(w, "version", stage->version);
    json_put_text(w, "tag", stage->tag);
    json_put_str(w, "tenant", t != NULL ? t->slug : NULL);
    json_put_int(w, "bytes", stage->bytes);
    json_put_text(w, "shasum", stage->shasum);
    json_put_text(w, "actor", stage->actor);
    json_put_text(w, "actor_type", stage->actor_type);
    json_put_time(w, "created_at", stage->created_ms);
    json_put_time(w, "expires_at", stage->expires_ms);
}

static void put_change(struct json_writer *w, struct text name, const struct json *was,
                       const struct json *now)
{
    json_open(w);
    json_put_text(w, "name", name);
    json_put_text(w, "was", was != NULL ? was->text : TEXT_NONE);
    json_put_text(w, "now", now != NULL ? now->text : TEXT_NONE);
    json_close(w);
}

static bool is_same(const struct json *a, const struct json *b)
{
    return a != NULL && b != NULL && a->type == JSON_STRING && b->type == JSON_STRING &&
           text_eq(a->text, b->text);
}

/* What was, is no more, or is another range now. */
static void put_changes(struct json_writer *w, const struct json *was, const struct json *now)
{
    json_key(w, "dependencies");
    json_open_array(w);
    json_each (n, now) {
        const struct json *before = json_get_text(was, n->key);
        if (!is_same(before, n))
            put_change(w, n->key, before, n);
    }
    json_each (before, was)
        if (json_get_text(now, before->key) == NULL)
            put_change(w, before->key, before, NULL);
    json_close_array(w);
}

/* Absent: there is no latest version yet. */
static int read_latest(struct registry *registry, struct pool *pool, struct text package,
                       struct text *version, const struct json **manifest, struct err *err)
{
    static const char sql[] = "SELECT v.version, v.manifest FROM package_version AS v JOIN "
                              "package_tag AS t ON t.package = v.package AND t.version = v.version "
                              "WHERE v.package = ? AND t.tag = 'latest'";
    struct text raw;
    struct json *doc = NULL;
    struct err why;
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, pool, &why, sql, "s", "ss", package, version, &raw) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, why.code, "%s", why.text);
    if (json_read(pool, raw, JSON_MAX_NODES, &doc, err) != 0)
        return -1;
    *manifest = doc;
    return 0;
}

int stage_write_inside(struct json_writer *w, struct registry *registry, struct pool *pool,
                       const struct stage *stage, struct err *err)
{
    struct manifest fresh;
    struct text tarball, contents, latest = TEXT_NONE;
    const struct json *was = NULL;
    if (stage_read(registry, pool, stage, &tarball, err) != 0 ||
        manifest_read(pool, tarball, &fresh, err) != 0 ||
        contents_read(pool, tarball, &contents, err) != 0 ||
        read_latest(registry, pool, stage->package, &latest, &was, err) != 0)
        return -1;
    json_put_text(w, "latest", latest);
    json_put_bool(w, "install_scripts", fresh.install_script);
    put_changes(w, json_get(was, "dependencies"), json_get(fresh.doc, "dependencies"));
    json_key(w, "contents");
    json_raw(w, contents);
    return 0;
}
