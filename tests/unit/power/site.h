/*
 * A data folder opened as the server opens it: key, databases, blobs, accounts, registry, themes,
 * tenants, uids; without sockets, instances and the keeper. Two tenants are there, acme of ada and
 * beta, made when they are missing.
 */
#pragma once

#include "tests/unit/registry/world.h"

#include "tenants/broker/uids.h"

struct events;
struct operations;
struct router;
struct seal;
struct tenants;
struct themes;

#define SITE_UIDS 200000 /* the first */

struct site {
    struct world world; /* dir, db, blobs, account, ready, registry, pool, ada, acme, beta */
    struct seal *seal;
    struct events *events;
    struct operations *operations;
    struct themes *themes;
    struct tenants *tenants;
    struct router *router;
    struct uids uids;
    bool has_uids;
    int folder;
};

/* NULL: it does not start, err says why. The folder is there. */
struct site *site_open(const char *dir, struct err *err);
void site_close(struct site *site);
/* Ada, with all rights of hers, in the pool. */
struct identity site_ada(struct site *site, struct pool *pool);
/* What an instance asks through its carrier; the answer's body in the pool. Anything but 200 and
 * 204 is a failure. target: "PUT /api/v1/runtime/settings" */
int site_ask(struct site *site, struct pool *pool, const char *tenant, const char *instance,
             const char *target, struct text body, struct text *answer, struct err *err);
