#include "registry/change.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/change_part.h"
#include "registry/package.h"
#include "registry/pkgname.h"

#define MAX_MESSAGE 1000
#define MAX_TAGS 50

int change_check_hand_over(const struct change *c, struct err *err)
{
    struct package p;
    auto_read struct db_read r = db_read(c->registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    struct permission ask = {r.conn, c->pool, c->who, c->tenant, c->name};
    /* in a tenant, who may publish it may make it */
    if (c->tenant != NULL && package_get(r.conn, c->pool, c->name, &p, err) != 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    return permission_check(&ask, PERMISSION_OWN, err);
}

int change_begin(const struct change *c, enum permission_need need, struct db_tx *tx,
                 struct text rev, struct package *p, struct err *err)
{
    if (db_begin(tx, c->registry->config.control, err) != 0 ||
        package_get(tx->conn, c->pool, c->name, p, err) != 0)
        return -1;
    struct permission ask = {tx->conn, c->pool, c->who, c->tenant, c->name};
    if (permission_check(&ask, need, err) != 0)
        return -1;
    return package_check_rev(c->pool, p, rev, err);
}

int change_end(const struct change *c, struct db_tx *tx, struct err *err)
{
    if (package_finish(tx->conn, c->pool, c->name, clock_wall_ms(), err) != 0 ||
        db_commit(tx, err) != 0)
        return -1;
    registry_changed(c->registry, c->tenant, c->name);
    return 0;
}

static int no_version(const struct change *c, struct text version, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "version_not_found", "There is no version %.*s of \"%.*s\".",
                   TEXT_ARG(text_sub(version, 0, 64)), TEXT_ARG(c->name));
}

int change_tell(const struct change *c, struct db_conn *conn, struct hook_note note,
                struct err *err)
{
    note.tenant = c->tenant;
    note.package = c->name;
    note.user = text_of(c->who->name);
    return hook_note(c->registry, conn, c->pool, &note, err);
}

int change_set_tag(const struct change *c, struct text tag, struct text version, struct err *err)
{
    struct package p;
    auto_tx struct db_tx tx = {0};
    if (pkgname_check_tag(tag, err) != 0 ||
        change_begin(c, PERMISSION_WRITE, &tx, TEXT_NONE, &p, err) != 0 ||
        package_set_tag(tx.conn, c->pool, c->name, tag, version, err) != 0 ||
        change_tell(c, tx.conn,
                    (struct hook_note){.event = HOOK_TAG, .tag = tag, .version = version},
                    err) != 0)
        return -1;
    return change_end(c, &tx, err);
}

int change_remove_tag(const struct change *c, struct text tag, struct err *err)
{
    struct package p;
    auto_tx struct db_tx tx = {0};
    if (change_begin(c, PERMISSION_WRITE, &tx, TEXT_NONE, &p, err) != 0 ||
        package_remove_tag(tx.conn, c->name, tag, err) != 0 ||
        change_tell(c, tx.conn, (struct hook_note){.event = HOOK_TAG, .tag = tag}, err) != 0)
        return -1;
    return change_end(c, &tx, err);
}

int change_set_tags(const struct change *c, const struct json *doc, bool replace, struct err *err)
{
    static const char sql[] = "DELETE FROM package_tag WHERE package = ? AND tag <> 'latest'";
    struct package p;
    auto_tx struct db_tx tx = {0};
    if (doc->type != JSON_OBJECT || doc->count == 0 || doc->count > MAX_TAGS)
        return err_set(err, ERR_UNPROCESSABLE, "bad_tags",
                       "The body is an object of 1 to %d tags: {\"beta\":\"1.0.0\"}.", MAX_TAGS);
    if (change_begin(c, PERMISSION_WRITE, &tx, TEXT_NONE, &p, err) != 0 ||
        (replace && db_do(tx.conn, err, sql, "s", c->name) < 0))
        return -1;
    json_each (tag, doc) {
        if (tag->type != JSON_STRING)
            return err_set(err, ERR_UNPROCESSABLE, "bad_tags", "A tag names a version as text.");
        if (pkgname_check_tag(tag->key, err) != 0 ||
            package_set_tag(tx.conn, c->pool, c->name, tag->key, tag->text, err) != 0 ||
            change_tell(
                c, tx.conn,
                (struct hook_note){.event = HOOK_TAG, .tag = tag->key, .version = tag->text},
                err) != 0)
            return -1;
    }
    return change_end(c, &tx, err);
}

static int deprecate_one(const struct change *c, struct db_tx *tx, const struct json *version,
                         struct err *err)
{
    const struct json *message = json_get(version, "deprecated");
    struct text text = TEXT_NONE;
    if (message != NULL && message->type == JSON_STRING)
        text = message->text;
    else if (message != NULL && message->type == JSON_BOOL && message->boolean)
        text = TEXT("This version is deprecated.");
    if (text.len > MAX_MESSAGE)
        return err_set(err, ERR_UNPROCESSABLE, "bad_message",
                       "A deprecation message has at most %d characters.", MAX_MESSAGE);
    int rows = package_deprecate(tx->conn, c->name, version->key, text, err);
    if (rows <= 0)
        return rows;
    struct hook_note note = {.event = HOOK_DEPRECATE,
                             .version = version->key,
                             .message = text.len > 0 ? text : TEXT("")};
    return change_tell(c, tx->conn, note, err) == 0 ? rows : -1;
}

int change_deprecate(const struct change *c, const struct json *doc, struct err *err)
{
    struct package p;
    struct text rev = TEXT_NONE;
    int changed = 0;
    auto_tx struct db_tx tx = {0};
    if (json_want_text(doc, "_rev", &rev, err) != 0 ||
        change_begin(c, PERMISSION_WRITE, &tx, rev, &p, err) != 0)
        return -1;
    json_each (version, json_get(doc, "versions")) {
        int rows = deprecate_one(c, &tx, version, err);
        if (rows < 0)
            return -1;
        changed += rows;
    }
    return changed > 0 ? change_end(c, &tx, err) : 0;
}

struct name {
    struct text version;
    struct name *next;
};

/* What is there and not in versions; *left counts the others. */
static int find_missing(const struct change *c, struct db_tx *tx, const struct json *versions,
                        struct name **missing, size_t *left, struct err *err)
{
    static const char sql[] = "SELECT version FROM package_version WHERE package = ?";
    struct text version;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, tx->conn, err, sql, "s", c->name) != 0)
        return -1;
    *left = 0;
    *missing = NULL;
    while (db_next(&q, c->pool, "s", &version)) {
        if (json_get_text(versions, version) != NULL) {
            ++*left;
            continue;
        }
        struct name *name = pool_alloc(c->pool, sizeof *name);
        *name = (struct name){version, *missing};
        *missing = name;
    }
    return q.failed ? -1 : 0;
}

static int remove_missing(const struct change *c, struct db_tx *tx, const struct json *versions,
                          size_t *left, struct err *err)
{
    struct name *missing;
    struct text by = text_of(c->who->name);
    if (find_missing(c, tx, versions, &missing, left, err) != 0)
        return -1;
    for (; missing != NULL; missing = missing->next)
        if (package_remove_version(tx->conn, c->pool, c->name, missing->version, by,
                                   clock_wall_ms(), err) != 0 ||
            change_tell(c, tx->conn,
                        (struct hook_note){.event = HOOK_UNPUBLISH, .version = missing->version},
                        err) != 0)
            return -1;
    return 0;
}

int change_keep_versions(const struct change *c, const struct json *doc, struct text rev,
                         struct err *err)
{
    struct package p;
    struct text latest = TEXT_NONE, stored;
    size_t left;
    auto_tx struct db_tx tx = {0};
    if (json_want_text(json_get(doc, "dist-tags"), "latest", &latest, err) != 0 ||
        change_begin(c, PERMISSION_OWN, &tx, rev, &p, err) != 0 ||
        remove_missing(c, &tx, json_get(doc, "versions"), &left, err) != 0)
        return -1;
    bool has_latest =
        package_get_tag(tx.conn, c->pool, c->name, TEXT("latest"), &stored, NULL) == 0;
    if (left > 0 && !has_latest && latest.len > 0)
        package_set_tag(tx.conn, c->pool, c->name, TEXT("latest"), latest, NULL);
    return change_end(c, &tx, err);
}

int change_remove(const struct change *c, struct text rev, struct err *err)
{
    struct package p;
    size_t left;
    auto_tx struct db_tx tx = {0};
    if (change_begin(c, PERMISSION_OWN, &tx, rev, &p, err) != 0 ||
        remove_missing(c, &tx, NULL, &left, err) != 0)
        return -1;
    return change_end(c, &tx, err);
}

int change_deprecate_version(const struct change *c, struct text version, struct text message,
                             struct err *err)
{
    struct package p;
    struct package_stored stored;
    auto_tx struct db_tx tx = {0};
    if (message.len > MAX_MESSAGE)
        return err_set(err, ERR_UNPROCESSABLE, "bad_message",
                       "A deprecation message has at most %d characters.", MAX_MESSAGE);
    if (change_begin(c, PERMISSION_WRITE, &tx, TEXT_NONE, &p, err) != 0 ||
        package_get_stored(tx.conn, c->pool, c->name, version, &stored, err) != 0)
        return err->kind == ERR_NOT_FOUND && text_is(text_of(err->code), "not_found")
                   ? no_version(c, version, err)
                   : -1;
    int rows = package_deprecate(tx.conn, c->name, version, message, err);
    if (rows <= 0)
        return rows;
    struct hook_note note = {.event = HOOK_DEPRECATE,
                             .version = version,
                             .message = message.len > 0 ? message : TEXT("")};
    return change_tell(c, tx.conn, note, err) != 0 ? -1 : change_end(c, &tx, err);
}

int change_remove_version(const struct change *c, struct text version, struct err *err)
{
    struct package p;
    auto_tx struct db_tx tx = {0};
    if (change_begin(c, PERMISSION_OWN, &tx, TEXT_NONE, &p, err) != 0 ||
        package_remove_version(tx.conn, c->pool, c->name, version, text_of(c->who->name),
                               clock_wall_ms(), err) != 0 ||
        change_tell(c, tx.conn, (struct hook_note){.event = HOOK_UNPUBLISH, .version = version},
                    err) != 0)
        return -1;
    return change_end(c, &tx, err);
}

int change_check_detached(const struct change *c, struct text version, struct err *err)
{
    struct package_stored stored;
    bool removed = false;
    auto_read struct db_read r = db_read(c->registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (package_get_stored(r.conn, c->pool, c->name, version, &stored, NULL) == 0)
        return err_set(err, ERR_CONFLICT, "version_in_use",
                       "Version %.*s still names this tarball. Unpublish the version instead.",
                       TEXT_ARG(text_sub(version, 0, 64)));
    if (package_was_removed(r.conn, c->pool, c->name, version, &removed, err) != 0)
        return -1;
    return removed ? 0 : err_set(err, ERR_NOT_FOUND, "file_not_found", "There is no such tarball.");
}
