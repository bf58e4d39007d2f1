/*
 * What a package asks of an ID token: an object of claims, each with a text, or a list of which all
 * must be there; a star stands for any run. Pure.
 */
#pragma once

#include "core/text.h"

struct err;
struct json;
struct pool;

/* *out is the object as kept. ERR_UNPROCESSABLE "bad_claims": no claim that would tell one CI job
 * from another, too many, not texts. */
int claims_read(struct pool *pool, const struct json *doc, struct text *out, struct err *err);
/* What `npm trust` sends for GitHub, GitLab and CircleCI, told by type, turned into such an object;
 * of other types the claims are texts as above. issuer_url is the issuer's. */
int claims_from_npm(struct pool *pool, struct text type, struct text issuer_url,
                    const struct json *doc, struct text *out, struct err *err);
/* asked: what claims_read made. ERR_FORBIDDEN "claims_differ" names the first that does. */
int claims_match(struct pool *pool, struct text asked, const struct json *token, struct err *err);
