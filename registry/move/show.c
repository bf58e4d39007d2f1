/* A package that moved is shown: all of it in one transaction. */
#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/move/move.h"
#include "registry/origin.h"
#include "registry/package.h"
#include "registry/pkgname.h"
#include "registry/quota/quota.h"
#include "registry/signature/signature.h"

#define MAX_TAGS 500
#define MAX_OWNERS 100

struct showing {
    const struct move *m;
    const struct json *doc;
    struct db_conn *conn;
    struct json_writer *w;
    bool fresh;     /* nobody published here so far: the other registry's word counts */
    bool new_scope; /* the first package of its scope */
    int64_t added;
};

static void sign(const struct showing *s, struct package_version *v)
{
    struct signing *signing = s->m->registry->signing;
    if (signing == NULL)
        return;
    struct text what =
        text_printf(s->m->pool, "%.*s@%.*s", TEXT_ARG(s->m->name->full), TEXT_ARG(v->version));
    v->dist = signing_add(signing, s->m->pool, what, v->dist, &v->key);
}

/* Every waiting version is tried; what cannot be is told and stays away. */
static int add_version(struct showing *s, struct package_version *v, struct err *err)
{
    bool removed = false;
    struct err why;
    struct text name = s->m->name->full;
    if (package_was_removed(s->conn, s->m->pool, name, v->version, &removed, err) != 0)
        return -1;
    if (removed)
        err_set(&why, ERR_CONFLICT, "version_removed",
                "It was removed here and its number stays used.");
    sign(s, v);
    if (!removed && quota_check(s->conn, s->m->pool, s->m->tenant, v->bytes, &why) == 0 &&
        package_add_version(s->conn, s->m->pool, name, v, &why) == 0) {
        s->added++;
        return 0;
    }
    if (why.kind != ERR_CONFLICT && why.kind != ERR_TOO_LARGE && why.kind != ERR_FORBIDDEN)
        return err_set(err, why.kind, why.code, "%s", why.text);
    json_open(s->w);
    json_put_text(s->w, "version", v->version);
    json_put_str(s->w, "code", why.code);
    json_put_str(s->w, "detail", why.text);
    json_close(s->w);
    return 0;
}

static int add_versions(struct showing *s, struct err *err)
{
    static const char sql[] =
        "SELECT version, manifest, abbreviated, dist, readme, readme_name, types, node_red, "
        "sha512, "
        "bytes, install_script, publisher, publisher_id, published_at FROM move_version "
        "WHERE package = ? AND tenant IS ? ORDER BY published_at, rowid";
    static const char done_sql[] = "DELETE FROM move_version WHERE package = ? AND tenant IS ?";
    const struct move *m = s->m;
    struct package_version v = {.source = TEXT("import")};
    int64_t script;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, s->conn, err, sql, "sz", m->name->full, m->tenant) != 0)
        return -1;
    json_key(s->w, "refused");
    json_open_array(s->w);
    while (db_next(&q, m->pool, "ssssssssbiissi", &v.version, &v.manifest, &v.abbreviated, &v.dist,
                   &v.readme, &v.readme_name, &v.types, &v.node_red, &v.sha512, &v.bytes, &script,
                   &v.publisher, &v.publisher_id, &v.published_ms)) {
        v.install_script = script != 0;
        if (add_version(s, &v, err) != 0)
            return -1;
    }
    json_close_array(s->w);
    if (q.failed)
        return -1;
    db_rows_end(&q);
    json_put_int(s->w, "added", s->added);
    return db_do(s->conn, err, done_sql, "sz", m->name->full, m->tenant) < 0 ? -1 : 0;
}

/* The row, made when it is not there, and whose it is. */
static int open_package(struct showing *s, int64_t now, struct err *err)
{
    static const char own_sql[] =
        "SELECT count(*) FROM package_version WHERE package = ? AND source <> 'import'";
    const struct move *m = s->m;
    struct package p;
    struct err why;
    struct text said = TEXT_NONE;
    int64_t created = now, own;
    if (package_get(s->conn, m->pool, m->name->full, &p, &why) == 0) {
        bool ours = m->tenant != NULL ? text_is(p.tenant, m->tenant) : p.tenant.base == NULL;
        if (!ours)
            return err_set(err, ERR_CONFLICT, "wrong_tenant",
                           "\"%.*s\" belongs to another tenant already.", TEXT_ARG(p.name));
        if (db_get(s->conn, m->pool, err, own_sql, "s", "i", p.name, &own) != 0)
            return -1;
        s->fresh = own == 0;
        return 0;
    }
    if (why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, why.code, "%s", why.text);
    s->fresh = true;
    if (json_want_text(s->doc, "created", &said, err) != 0)
        return -1;
    if (!clock_parse_iso(said, &created) || created > now)
        created = now;
    return package_create(s->conn, m->pool, m->name->full, m->tenant, created, &s->new_scope, err);
}

static int set_deprecations(struct showing *s, struct err *err)
{
    static const char clear_sql[] =
        "UPDATE package_version SET deprecated = NULL WHERE package = ? AND deprecated IS NOT NULL";
    struct text name = s->m->name->full;
    if (!s->fresh)
        return 0;
    if (db_do(s->conn, err, clear_sql, "s", name) < 0)
        return -1;
    json_each (d, json_get(s->doc, "deprecated"))
        if (d->type == JSON_STRING && package_deprecate(s->conn, name, d->key, d->text, err) < 0)
            return -1;
    return 0;
}

/* What it cannot be said of is left out and told: a tag that is a range here, a version that did
 * not come. */
static int set_tag(struct showing *s, const struct json *tag, struct err *err)
{
    struct text there, name = s->m->name->full;
    struct err why;
    if (!s->fresh && package_get_tag(s->conn, s->m->pool, name, tag->key, &there, NULL) == 0)
        return 0;
    if (tag->type != JSON_STRING)
        err_set(&why, ERR_UNPROCESSABLE, "bad_tag", "It names no version.");
    else if (pkgname_check_tag(tag->key, &why) == 0 &&
             package_set_tag(s->conn, s->m->pool, name, tag->key, tag->text, &why) == 0)
        return 0;
    if (why.kind != ERR_UNPROCESSABLE && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, why.code, "%s", why.text);
    json_open(s->w);
    json_put_text(s->w, "tag", tag->key);
    json_put_str(s->w, "code", why.code);
    json_put_str(s->w, "detail", why.text);
    json_close(s->w);
    return 0;
}

static int set_tags(struct showing *s, struct err *err)
{
    static const char clear_sql[] = "DELETE FROM package_tag WHERE package = ?";
    const struct json *tags = json_get(s->doc, "tags");
    if (tags != NULL && (tags->type != JSON_OBJECT || tags->count > MAX_TAGS))
        return err_set(err, ERR_UNPROCESSABLE, "bad_field",
                       "\"tags\" is an object of at most %d tags.", MAX_TAGS);
    if (s->fresh && db_do(s->conn, err, clear_sql, "s", s->m->name->full) < 0)
        return -1;
    json_key(s->w, "tags_refused");
    json_open_array(s->w);
    json_each (tag, tags)
        if (set_tag(s, tag, err) != 0)
            return -1;
    json_close_array(s->w);
    return 0;
}

/* Who has a user here. */
static int set_owners(struct showing *s, struct err *err)
{
    const struct move *m = s->m;
    const struct json *owners = json_get(s->doc, "owners");
    if (owners != NULL && (owners->type != JSON_ARRAY || owners->count > MAX_OWNERS))
        return err_set(err, ERR_UNPROCESSABLE, "bad_field",
                       "\"owners\" is a list of at most %d names.", MAX_OWNERS);
    struct snapshot *accounts = account_snapshot(m->registry->config.account);
    int rc = 0;
    json_key(s->w, "owners");
    json_open_array(s->w);
    json_each (owner, owners) {
        const char *id =
            owner->type == JSON_STRING ? account_user_by_name(accounts, owner->text) : NULL;
        if (rc != 0 || !s->fresh || id == NULL)
            continue;
        rc = package_add_owner(s->conn, m->name->full, text_of(id), owner->text, err);
        json_text(s->w, owner->text);
    }
    json_close_array(s->w);
    snapshot_drop(accounts);
    return rc;
}

/* All that a body or a list shows beside the versions. */
static int read_look(const struct showing *s, struct text *look, struct err *err)
{
    static const char sql[] =
        "SELECT (SELECT json_group_array(tag || ' ' || version) FROM (SELECT tag, version FROM "
        "package_tag WHERE package = ?1 ORDER BY tag)) || "
        "(SELECT json_group_array(version || ' ' || deprecated) FROM (SELECT version, deprecated "
        "FROM package_version WHERE package = ?1 AND deprecated IS NOT NULL ORDER BY version)) || "
        "(SELECT json_group_array(user) FROM (SELECT user FROM package_owner WHERE package = ?1 "
        "ORDER BY user))";
    return db_get(s->conn, s->m->pool, err, sql, "s", "s", s->m->name->full, look);
}

/* What is there already stays as it is, its revision and its time too. */
static int finish(const struct showing *s, struct text before, int64_t now, struct err *err)
{
    struct text after, name = s->m->name->full;
    if (package_ensure_latest(s->conn, s->m->pool, name, err) != 0 ||
        read_look(s, &after, err) != 0)
        return -1;
    if (s->added == 0 && text_eq(before, after))
        return 0;
    return package_finish(s->conn, s->m->pool, name, now, err);
}

static int show(struct showing *s, int64_t now, struct err *err)
{
    struct package p;
    struct text before, name = s->m->name->full;
    if (open_package(s, now, err) != 0 || read_look(s, &before, err) != 0 ||
        add_versions(s, err) != 0 || set_deprecations(s, err) != 0 || set_tags(s, err) != 0 ||
        set_owners(s, err) != 0 || finish(s, before, now, err) != 0)
        return -1;
    if (package_get(s->conn, s->m->pool, name, &p, NULL) != 0 || p.versions == 0)
        return err_set(err, ERR_UNPROCESSABLE, "nothing_moved",
                       "No version of \"%.*s\" could be taken.", TEXT_ARG(name));
    json_put_int(s->w, "versions", p.versions);
    json_put_text(s->w, "latest", p.latest);
    return 0;
}

int move_show(const struct move *m, const struct json *doc, struct json_writer *w, struct err *err)
{
    struct showing s = {.m = m, .doc = doc, .w = w};
    {
        auto_tx struct db_tx tx = {0};
        if (db_begin(&tx, m->registry->config.control, err) != 0)
            return -1;
        s.conn = tx.conn;
        json_open(w);
        json_put_text(w, "name", m->name->full);
        if (show(&s, clock_wall_ms(), err) != 0 || db_commit(&tx, err) != 0)
            return -1;
        json_close(w);
    }
    if (s.new_scope && origin_reload(m->registry, err) != 0)
        return -1;
    registry_changed(m->registry, m->tenant, m->name->full);
    return 0;
}
