/*
 * The rows of packages: versions, tags, owners, tombstones. All take a connection inside the
 * caller's transaction (or read) and know nothing of requests, rights or bodies.
 */
#pragma once

#include "core/text.h"
#include "registry/semver.h"

#include <stdint.h>

struct blob_id;
struct db_conn;
struct err;
struct pool;

struct package {
    struct text name;
    struct text tenant; /* id; absent: the platform's scope */
    int64_t rev, created_ms, modified_ms, versions;
    struct text latest, description, types;
};

/* ERR_NOT_FOUND "package_not_found". */
int package_get(struct db_conn *conn, struct pool *pool, struct text name, struct package *out,
                struct err *err);
/* "12-9f…": opaque to clients, compared whole. */
struct text package_rev(struct pool *pool, const struct package *package);
/* With rev given: ERR_CONFLICT "stale_rev" unless it is the current one. */
int package_check_rev(struct pool *pool, const struct package *package, struct text rev,
                      struct err *err);
/* ERR_CONFLICT "name_differs_in_case". Records the scope as ours too; *new_scope says that it was
 * new. */
int package_create(struct db_conn *conn, struct pool *pool, struct text name, const char *tenant,
                   int64_t now_ms, bool *new_scope, struct err *err);
/* Counts the change and writes the summary anew from what is there; a package without versions is
 * removed. */
int package_finish(struct db_conn *conn, struct pool *pool, struct text name, int64_t now_ms,
                   struct err *err);

struct package_version {
    struct text version, manifest, abbreviated, dist;
    struct text readme, readme_name; /* absent: none */
    struct text types, node_red;     /* node_red absent: not for Node-RED */
    struct text deprecated;          /* absent: it is not */
    struct text sha512;              /* 64 bytes */
    int64_t bytes;
    bool install_script;
    struct text publisher, publisher_id, source, commit;
    struct text provenance; /* predicate type, as packuments read it; absent: none */
    struct text key;        /* whose signature stands in dist; absent: none yet */
    int64_t published_ms;
};

/* ERR_CONFLICT "version_exists"; "version_removed" when other bytes stood under that number before.
 */
int package_add_version(struct db_conn *conn, struct pool *pool, struct text name,
                        const struct package_version *v, struct err *err);
/* What decides about a second publish. ERR_NOT_FOUND. */
struct package_stored {
    struct text sha512, publisher_id;
    int64_t published_ms, bytes;
};
int package_get_stored(struct db_conn *conn, struct pool *pool, struct text name,
                       struct text version, struct package_stored *out, struct err *err);
/* Removes it, leaves a tombstone; tags that named it go with it. ERR_NOT_FOUND "version_not_found".
 */
int package_remove_version(struct db_conn *conn, struct pool *pool, struct text name,
                           struct text version, struct text by, int64_t now_ms, struct err *err);
/* message absent or empty: not deprecated any more. Unknown versions are left alone. Returns how
 * many rows changed, -1 with err. */
int package_deprecate(struct db_conn *conn, struct text name, struct text version,
                      struct text message, struct err *err);

/* ERR_NOT_FOUND "version_not_found" when the version is not there. */
int package_set_tag(struct db_conn *conn, struct pool *pool, struct text name, struct text tag,
                    struct text version, struct err *err);
/* ERR_NOT_FOUND "tag_not_found"; ERR_UNPROCESSABLE "latest_stays". */
int package_remove_tag(struct db_conn *conn, struct text name, struct text tag, struct err *err);
int package_get_tag(struct db_conn *conn, struct pool *pool, struct text name, struct text tag,
                    struct text *version, struct err *err);
/* latest must name something: the highest release, else the highest prerelease. No effect when it
 * does. */
int package_ensure_latest(struct db_conn *conn, struct pool *pool, struct text name,
                          struct err *err);

int package_add_owner(struct db_conn *conn, struct text name, struct text user_id, struct text user,
                      struct err *err);
/* ERR_NOT_FOUND "owner_not_found". */
int package_remove_owner(struct db_conn *conn, struct text name, struct text user, struct err *err);
int package_clear_owners(struct db_conn *conn, struct text name, struct err *err);
/* [{"name","email"}] as `maintainers`. */
int package_owners_json(struct db_conn *conn, struct pool *pool, struct text name, struct text *out,
                        struct err *err);
/* Is there a tombstone for this version? */
int package_was_removed(struct db_conn *conn, struct pool *pool, struct text name,
                        struct text version, bool *out, struct err *err);
