/*
 * The npm registry: packages of tenants, of the platform's scope and, through a caching uplink, of
 * everybody else. This header is all that the roof and later callers see: open, routes, and the one
 * funnel that takes tarballs from builds and uploads.
 *
 * A name has exactly one origin. `@slug/…` belongs to the tenant of that slug, `@scope/…` of the
 * platform's scope to the platform, a claimed name without a scope to the tenant that claimed it;
 * only what is left goes to the uplink.
 */
#pragma once

#include "core/embedded.h"
#include "core/text.h"

#include <stdint.h>

struct account;
struct blobs;
struct db;
struct db_conn;
struct err;
struct fetcher;
struct identity;
struct operations;
struct pool;
struct ready;
struct registry;
struct router;
struct seal;
struct warm;

/* Migrations of the control database, area "registry". */
extern const struct embedded registry_sql[];

/* Which instances have a package, as their runtimes told: offered by the roof. */
struct package_user {
    struct text package;
    struct text instance;                 /* slug */
    struct text tenant;                   /* id */
    struct text version, pending_version; /* pending: after its next start; absent: the same */
    bool direct;                          /* somebody installed it; else another package needs it */
};
struct package_users {
    struct db_conn *conn; /* of the control database, to see what it sees; NULL: a reader */
    struct text package;  /* absent: all, in the order of names */
    struct text tenants;  /* a JSON array of the ids of those that may be shown; absent: all */
    int64_t limit;
    bool (*each)(void *arg, const struct package_user *user); /* until it returns false */
    void *arg;
};

struct registry_config {
    struct db *control;
    struct blobs *blobs;
    struct account *account;
    struct seal *seal; /* of the key that signs versions, and of uplinks' credentials; NULL: none */
    struct operations *operations;
    struct fetcher *fetcher;    /* NULL: no uplink */
    struct ready *ready;        /* keys begin with "npm " */
    struct warm *warm;          /* tarballs; a group is a package's name */
    const char *public_url;     /* "http://localhost:8080", no trailing slash */
    const char *uplink_url;     /* NULL: public names come by other uplinks or not at all */
    const char *spool_dir;      /* for downloads under way, on the disk of the blobs */
    const char *platform_scope; /* "shared" for @shared/…; NULL: none */
    bool anonymous_read;        /* public names and the platform's scope; never tenants' packages */
    bool self_register;         /* `npm adduser` makes users */
    size_t max_tarball;         /* 0: 64 MiB */
    int64_t uplink_fresh_ms;    /* how long a public document is good unasked; 0: 5 min */
    int64_t uplink_stale_ms;    /* and then served while it is asked for anew */
    int64_t uplink_timeout_ms;  /* without a byte; 0: 30 s */
    int64_t uplink_cache;       /* bytes that are kept of public packages; 0: no ceiling */
    const char *uplink_hosts;   /* origins that its tarballs may lie at; NULL: its own */
    const char *uplink_proxy;   /* that the fetcher has */
    bool offline;               /* nothing goes out to uplinks */
    /* Webhooks (registry/hook/hook.h); texts as of fetch_options. */
    const char *hook_ca, *hook_proxy;
    bool hook_private;     /* receivers may lie at private and loopback addresses */
    int64_t hook_retry_ms; /* 0: 10 s */
    /* After the commit, on the worker that made it. tenant: id, NULL for the platform's scope. */
    void (*published)(void *arg, const char *tenant, struct text name, struct text version);
    /* Anything changed that lists or catalogues show (tags, deprecation, removal, a publish too).
     */
    void (*changed)(void *arg, const char *tenant, struct text name);
    /* In the order of slugs; texts live in pool. NULL: nobody knows. */
    int (*users_of)(void *arg, struct pool *pool, const struct package_users *query,
                    struct err *err);
    void *arg;
};

/* Texts of config are copied. Registers nothing; the control database must be migrated. */
struct registry *registry_open(const struct registry_config *config, struct err *err);
/* What is done beside requests begins. After all who keep names of blobs are open. */
int registry_start(struct registry *registry, struct err *err);
void registry_close(struct registry *registry); /* nobody may be using it */
/* Once a minute, on a thread that may block. */
void registry_keep_house(struct registry *registry);
/* Is the scope of that slug claimed already, so that no new tenant can have it? */
bool registry_has_scope(struct registry *registry, struct text slug);
/* Bearers that are no tokens of ours but of a registry that moved here (move/legacy.h): the first
 * on a loop, the second on the password lane. */
bool registry_knows_foreign(void *registry, struct text token);
int registry_take_foreign(void *registry, struct pool *pool, struct text token, struct text peer,
                          struct err *err);
int registry_routes(struct registry *registry, struct router *router, struct err *err);

/* The funnel for callers inside: a tarball from a build or an upload becomes a version. */
enum tarball_source { TARBALL_BUILD, TARBALL_UPLOAD };
struct tarball_publish {
    struct text tarball;
    const char *tenant;  /* id: the name must belong to it */
    struct text name;    /* expected name; absent: what the package.json says */
    struct text version; /* expected version; absent: what the package.json says */
    struct text tag;     /* absent: "latest" for releases, "next" for prereleases */
    struct text user;    /* user name, shown as publisher */
    const char *user_id; /* NULL: the system */
    const struct identity
        *who; /* NULL: a build; else one whose permission for the package counts */
    enum tarball_source source;
    struct text commit; /* absent: none */
};
/* name and version of what is now there, in pool. ERR_UNPROCESSABLE "bad_bundle", "bad_manifest",
 * "wrong_name", "wrong_version", "bad_package_name"; ERR_FORBIDDEN "wrong_scope", "not_granted";
 * ERR_CONFLICT "version_exists", "version_removed". The same bytes again are a success. */
int registry_publish_tarball(struct registry *registry, struct pool *pool,
                             const struct tarball_publish *spec, struct text *name,
                             struct text *version, struct err *err);

/* A public package's tarball through the uplink, for stacks: an open file (the caller closes it),
 * fetched if it was not here. integrity ("sha512-…") must be what the file has: ERR_UPSTREAM
 * "wrong_integrity". */
int registry_public_tarball(struct registry *registry, struct pool *pool, struct text name,
                            struct text version, struct text integrity, int *fd, struct err *err);
