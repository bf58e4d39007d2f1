/*
 * An ID token of a CI (OpenID Connect Core 1.0, RFC 7519): taken apart, its signature checked
 * against an issuer's keys, its times and audience judged. Pure. Of algorithms RS256, PS256 and
 * ES256 are taken; what a token says of where its key is (jku, x5u, jwk) is never looked at.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct err;
struct json;
struct pool;

#define IDTOKEN_MOST 16384

struct idtoken {
    struct text compact;
    struct text signed_part; /* what the signature covers */
    struct text alg, kid;    /* kid absent: the token names no key */
    struct text issuer, jti; /* jti absent: none */
    const struct json *claims;
    int64_t expires_ms; /* after idtoken_check */
};

/* Nothing in *out is to be believed yet, and it is good for finding the issuer. ERR_UNAUTHORIZED
 * "bad_id_token" says what is wrong. */
int idtoken_read(struct pool *pool, struct text compact, struct idtoken *out, struct err *err);
/* jwks: the issuer's key set. ERR_UNAUTHORIZED "unknown_key" when no key of it fits (it may be
 * old), "bad_signature". */
int idtoken_verify(struct pool *pool, const struct idtoken *token, struct text jwks,
                   struct err *err);
/* One audience, this one; not over, not from the future (a minute of skew), not longer than a day.
 * ERR_UNAUTHORIZED "wrong_audience", "id_token_expired", "bad_id_token". */
int idtoken_check(struct idtoken *token, struct text audience, int64_t now_ms, struct err *err);
