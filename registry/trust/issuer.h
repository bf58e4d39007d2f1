/*
 * The issuers of ID tokens that the platform believes, rows that its admins keep, and their keys:
 * found by discovery (OpenID Connect Discovery 1.0), kept for an hour, asked for again at most once
 * a minute when a token names a key that is not among them.
 */
#pragma once

#include "core/text.h"

#include <stdbool.h>

struct db_conn;
struct err;
struct fetcher;
struct issuers;
struct pool;

#define ISSUERS_MOST 32

struct issuer {
    struct text name; /* "github": what rows of trust name it by */
    struct text url;  /* as in the claim iss */
};

struct issuers *issuers_new(struct fetcher *fetcher); /* NULL: no keys can be had */
void issuers_free(struct issuers *issuers);

/* The address of a well-known one; absent for others. */
struct text issuer_preset(struct text name);
/* ERR_UNPROCESSABLE "bad_issuer". */
int issuer_check(const struct issuer *issuer, struct err *err);
/* ERR_NOT_FOUND "issuer_not_found". */
int issuer_by_name(struct db_conn *conn, struct pool *pool, struct text name, struct issuer *out,
                   struct err *err);
int issuer_by_url(struct db_conn *conn, struct pool *pool, struct text url, struct issuer *out,
                  struct err *err);
/* The key set in pool; anew: another one than a minute ago if there is one. Worker; one call waits
 * for the issuer, the others that need it for that one, two seconds at most. ERR_UPSTREAM
 * "issuer_unreachable". */
int issuer_keys(struct issuers *issuers, struct pool *pool, const struct issuer *issuer, bool anew,
                struct text *jwks, struct err *err);
