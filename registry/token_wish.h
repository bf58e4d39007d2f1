/*
 * What `npm token create` asks for, as every version of npm sends it, turned into a token of ours:
 * packages and scopes into globs of names, organisations into tenants, permissions into scopes.
 */
#pragma once

#include "http/account.h"
#include "http/limits.h"

struct call;
struct json;

struct token_wish {
    struct text password;
    struct account_token spec; /* of the asker; its texts in the call's pool */
    struct limits_spec limits; /* spec's */
};

/* *wish must stay where it is. ERR_UNPROCESSABLE "bad_permission", "bad_expiry", "bad_limit". */
int token_wish_read(struct call *c, const struct json *doc, struct token_wish *wish,
                    struct err *err);
