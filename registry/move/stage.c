/* Versions that came and wait for their package. */
#include "core/blob.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/move/move.h"
#include "registry/package.h"
#include "registry/pkgname.h"
#include "registry/publish.h"
#include "registry/quota/quota.h"

#define NAME_MAX_BYTES 100

/* Whoever the manifest says published it, else its first maintainer, else who moves it. */
static void find_publisher(const struct move *m, const struct json *manifest,
                           struct package_version *v)
{
    const struct json *list = json_get(manifest, "maintainers");
    const struct json *from[] = {json_at(manifest, "_npmUser.name"),
                                 json_get(list != NULL ? list->child : NULL, "name")};
    v->publisher = text_of(m->who->name);
    for (size_t i = 0; i < 2; i++) {
        if (from[i] == NULL || from[i]->type != JSON_STRING || from[i]->text.len == 0 ||
            from[i]->text.len > NAME_MAX_BYTES || !text_is_printable(from[i]->text))
            continue;
        v->publisher = from[i]->text;
        break;
    }
    struct snapshot *accounts = account_snapshot(m->registry->config.account);
    const char *id = account_user_by_name(accounts, v->publisher);
    v->publisher_id = id != NULL ? text_of(pool_strdup(m->pool, id)) : TEXT_NONE;
    snapshot_drop(accounts);
}

/* Nothing was published in the future. */
static int64_t published_at(const struct json *doc, struct text version)
{
    const struct json *time = json_get_text(json_get(doc, "time"), version);
    int64_t now = clock_wall_ms(), ms;
    if (time == NULL || time->type != JSON_STRING || !clock_parse_iso(time->text, &ms) || ms > now)
        return now;
    return ms;
}

/* 1: these bytes wait or are there. 0: they do not. */
static int judge_known(const struct move *m, struct db_conn *conn, const struct package_version *v,
                       struct err *err)
{
    static const char sql[] = "SELECT sha512 FROM move_version WHERE package = ? AND version = ? "
                              "AND tenant IS ?";
    struct package_stored there;
    struct text waits;
    struct err why;
    bool removed;
    struct text name = m->name->full;
    if (package_get_stored(conn, m->pool, name, v->version, &there, &why) == 0)
        return text_eq(there.sha512, v->sha512)
                   ? 1
                   : err_set(err, ERR_CONFLICT, "version_exists",
                             "%.*s@%.*s is there already, with other bytes.", TEXT_ARG(name),
                             TEXT_ARG(v->version));
    if (why.kind != ERR_NOT_FOUND ||
        package_was_removed(conn, m->pool, name, v->version, &removed, &why) != 0)
        return err_set(err, why.kind, why.code, "%s", why.text);
    if (removed)
        return err_set(err, ERR_CONFLICT, "version_removed",
                       "%.*s@%.*s was removed here and its number stays used.", TEXT_ARG(name),
                       TEXT_ARG(v->version));
    if (db_get(conn, m->pool, &why, sql, "ssz", "b", name, v->version, m->tenant, &waits) == 0)
        return text_eq(waits, v->sha512);
    return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, why.code, "%s", why.text);
}

static int insert(const struct move *m, struct db_conn *conn, const struct package_version *v,
                  struct err *err)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO move_version (package, version, tenant, manifest, abbreviated, "
        "dist, readme, readme_name, types, node_red, sha512, bytes, install_script, publisher, "
        "publisher_id, published_at, staged_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    return db_do(conn, err, sql, "sszsssssssbiissii", m->name->full, v->version, m->tenant,
                 v->manifest, v->abbreviated, v->dist, v->readme, v->readme_name, v->types,
                 v->node_red, v->sha512, v->bytes, (int64_t)v->install_script, v->publisher,
                 v->publisher_id, v->published_ms, clock_wall_ms()) < 0
               ? -1
               : 0;
}

static int keep(const struct move *m, const struct publish_checked *checked, bool *again,
                struct err *err)
{
    struct blob_id blob;
    auto_hold struct blobs *held = blobs_hold(m->registry->config.blobs);
    auto_tx struct db_tx tx = {0};
    if (blob_put(held, checked->tarball, &blob, err) != 0 ||
        db_begin(&tx, m->registry->config.control, err) != 0)
        return -1;
    int known = judge_known(m, tx.conn, &checked->v, err);
    if (known < 0)
        return -1;
    *again = known > 0;
    if (known > 0)
        return 0;
    if (quota_check(tx.conn, m->pool, m->tenant, checked->v.bytes, err) != 0 ||
        insert(m, tx.conn, &checked->v, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

int move_stage(const struct move *m, const struct json *doc, struct text *version, bool *again,
               struct err *err)
{
    struct publish_request request = {
        .who = m->who, .name = m->name, .tenant = m->tenant, .doc = doc};
    struct publish_checked checked = {.v = {.source = TEXT("import")}};
    const struct json *versions = json_get(doc, "versions");
    find_publisher(m, versions != NULL ? versions->child : NULL, &checked.v);
    if (publish_check(m->registry, m->pool, &request, &checked, err) != 0)
        return -1;
    checked.v.published_ms = published_at(doc, checked.v.version);
    *version = checked.v.version;
    return keep(m, &checked, again, err);
}

int move_state(const struct move *m, struct json_writer *w, struct err *err)
{
    static const char sql[] =
        "SELECT version, dist ->> '$.integrity' AS integrity, 'there' AS state "
        "FROM package_version WHERE package = ?1 "
        "UNION ALL SELECT version, dist ->> '$.integrity', 'waiting' FROM move_version AS m "
        "WHERE package = ?1 AND tenant IS ?2 AND NOT EXISTS (SELECT 1 FROM package_version AS v "
        "WHERE v.package = ?1 AND v.version = m.version) "
        "UNION ALL SELECT version, NULL, 'removed' FROM package_tombstone WHERE package = ?1";
    auto_read struct db_read r = db_read(m->registry->config.control, err);
    return r.conn == NULL ? -1 : db_json(w, r.conn, err, sql, "sz", m->name->full, m->tenant);
}

int move_forget(struct registry *registry, int64_t before_ms, struct err *err)
{
    static const char sql[] = "DELETE FROM move_version WHERE staged_at < ?";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "i", before_ms) < 0)
        return -1;
    return db_commit(&tx, err);
}
