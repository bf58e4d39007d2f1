/*
 * Which versions are not offered to whom: the platform's rules and the stricter ones of tenants, as
 * an immutable snapshot; what they do to bodies, tarballs and publishes; and what was refused. A
 * package of a tenant is judged by its tenant's private rules, a public one by the public rules of
 * every tenant the asker is in, each beside the platform's: more rules only refuse more. Stack
 * installs of administrators are exempt: they come from a committed lock file.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct asked;
struct call;
struct db_conn;
struct err;
struct facts;
struct identity;
struct origin;
struct policy;
struct pool;
struct registry;
struct router;
struct section;
struct snapshot;

/* NULL with err when the rows cannot be read. */
struct policy *policy_open(struct registry *registry, struct err *err);
void policy_close(struct policy *policy); /* NULL is fine */
/* After a commit that changed rules or advisories: what was built is built anew. */
int policy_reload(struct policy *policy, struct err *err);

/* The rules that count for one asker and one package. */
struct policy_view {
    struct policy *policy;
    struct snapshot *held; /* what the sections lie in, until the pool goes; NULL: no rules */
    const struct section **sections;
    size_t n;        /* 0: all is offered */
    bool full;       /* judging needs the full form */
    struct text key; /* of ready bodies: "" without rules; changes when rules do or versions age */
};
/* Any thread; nothing blocks. */
void policy_look(struct registry *registry, struct pool *pool, const struct identity *who,
                 const struct origin *origin, struct policy_view *view);

/* A body without what is refused. full: the full form, which body may be itself. own: of a package
 * of ours. */
struct policy_body {
    const struct policy_view *view;
    struct text name, full, body;
    bool own;
};
int policy_body(struct pool *pool, const struct policy_body *what, struct text *out,
                struct err *err);
/* May the asker have this version? ERR_FORBIDDEN "policy" with the reason; the refusal is counted.
 * full absent: it could not be had. */
struct policy_asking {
    const struct policy_view *view;
    const struct identity *who;
    const struct origin *origin;
    struct text name, version, full;
};
int policy_check(struct pool *pool, const struct policy_asking *asking, struct err *err);
/* On a loop: was the version found to be good under this very view? */
bool policy_remembers(const struct policy_view *view, struct text name, struct text version);
/* May this be published into a tenant (NULL: the platform's scope)? Likewise. */
int policy_check_publish(struct registry *registry, struct pool *pool, const char *tenant,
                         const struct facts *facts, struct text who, struct err *err);

int policy_routes(struct registry *registry, struct router *router, struct err *err);

/* Inside: rules as they stand, "{}" if there are none. tenant: id, NULL: the platform. */
int policy_read(struct registry *registry, struct pool *pool, const char *tenant,
                struct text *rules, struct err *err);
int policy_write(struct registry *registry, struct pool *pool, const char *tenant,
                 struct text rules, const char *by, struct err *err);
struct policy_refusal {
    struct text package, version, who, reason;
    const char *tenant, *action;
};
void policy_count(struct registry *registry, const struct policy_refusal *refusal);
