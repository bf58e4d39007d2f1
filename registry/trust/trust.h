/*
 * Trusted publishing: which CI jobs a package trusts, and the exchange of their ID token for a
 * token of ours that publishes this one package for a quarter of an hour. npm says nothing when an
 * exchange is refused, so why stands in the row. Not for: how a token is verified (idtoken.h), whom
 * the platform believes (issuer.h).
 */
#pragma once

#include "core/text.h"
#include "registry/pkgname.h"

#include <stdint.h>

struct db_conn;
struct err;
struct issuers;
struct json_writer;
struct pool;
struct registry;
struct router;

#define TRUST_MOST 20 /* of a package */
#define TRUST_LIFE_MS (15 * 60 * 1000)

struct trust {
    struct text package;
    const char *tenant;   /* id; NULL: the platform's scope */
    struct text issuer;   /* name */
    struct text claims;   /* claims.h */
    struct text document; /* absent: none */
    bool publish, stage;
    struct text by; /* user name */
};
/* ERR_NOT_FOUND "issuer_not_found"; ERR_TOO_MANY "too_many_publishers". */
int trust_add(struct registry *registry, const struct trust *trust, char id[27], struct err *err);
/* Ends its tokens as well. ERR_NOT_FOUND "trust_not_found". */
int trust_remove(struct registry *registry, struct text package, const char *tenant, struct text id,
                 struct err *err);
/* A list of the package's rows; as_npm: as `npm trust list` reads them. */
int trust_list(struct registry *registry, struct text package, const char *tenant, bool as_npm,
               struct json_writer *w, struct err *err);

/* Issuers. */
int trust_add_issuer(struct registry *registry, struct text name, struct text url, struct text by,
                     struct err *err); /* ERR_CONFLICT "issuer_exists", and issuer_check's */
/* With all that packages trust of it. */
int trust_remove_issuer(struct registry *registry, struct text name, struct err *err);

struct trust_ask {
    const struct pkgname *name;
    const char *tenant; /* whose the name is */
    struct text bearer; /* the ID token */
};
/* Archive lane: waits for the issuer. ERR_UNAUTHORIZED what is wrong with the ID
 * token, ERR_FORBIDDEN "not_trusted" (the row says more), ERR_UPSTREAM "issuer_unreachable". */
int trust_exchange(struct registry *registry, struct pool *pool, const struct trust_ask *ask,
                   struct text *token, int64_t *expires_ms, struct err *err);

int trust_routes(struct registry *registry, struct router *router, struct err *err);
