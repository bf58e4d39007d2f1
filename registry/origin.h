/*
 * Whose a name is and who may do what with it, judged in memory on any thread: claims and scopes in
 * use are an immutable snapshot that is replaced after the commit that changed them. Not for: the
 * rows themselves (claim.h, package.h).
 */
#pragma once

#include "registry/pkgname.h"

struct err;
struct identity;
struct pool;
struct registry;
struct snapshot;

enum origin_kind {
    ORIGIN_TENANT,
    ORIGIN_PLATFORM,
    ORIGIN_PUBLIC, /* the uplink's */
    ORIGIN_NOBODY, /* ours, but its tenant is gone, or a spelling that differs in case: 404, never
                      upstream */
};

struct origin {
    enum origin_kind kind;
    const char *tenant; /* id, of ORIGIN_TENANT; in the pool */
};

struct origin origin_of(struct registry *registry, struct pool *pool, struct snapshot *accounts,
                        const struct pkgname *name);
/* Without the limits of a token by name. */
bool origin_may_read(const struct registry *registry, const struct identity *who,
                     const struct origin *origin);
/* All that who may see of what lives here, for conditions of SQL. */
struct sight {
    bool all;            /* of every tenant */
    bool platform;       /* the platform's scope */
    struct text tenants; /* JSON array of ids */
    struct text names;   /* JSON array of globs of names; absent: all */
};
struct sight origin_sight(const struct registry *registry, struct pool *pool,
                          const struct identity *who);
/* What a token is limited to, if it is, holds for packages that live here; what is public anybody
 * may read. ERR_FORBIDDEN "token_limited", for who might read it otherwise. */
int origin_check_limits(const struct identity *who, const struct origin *origin, struct text name,
                        struct err *err);
/* 401 for anonymous, 404 for who may not know of it, 403 for who may read only and for a token that
 * is limited to other names. Ownership inside the platform's scope is judged with the row
 * (package.h). */
int origin_check_write(const struct registry *registry, const struct identity *who,
                       const struct origin *origin, struct text name, struct err *err);
/* The same for handing in a version that a person approves (SCOPE_PACKAGE_STAGE). */
int origin_check_stage(const struct registry *registry, const struct identity *who,
                       const struct origin *origin, struct text name, struct err *err);
/* Reads claims and scopes anew and replaces the snapshot. Worker or start-up. */
int origin_reload(struct registry *registry, struct err *err);
/* Is "scope" (without '@') claimed by a tenant? */
bool origin_has_scope(struct registry *registry, struct text scope);
void origin_release(struct registry *registry);
