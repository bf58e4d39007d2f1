/*
 * Claims: a name without a scope that belongs to a tenant. From the claim on it is ours or not
 * there; the uplink is never asked for it again.
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;
struct registry;

struct claim {
    struct text name;
    const char *tenant; /* id */
    bool take_over;     /* although public versions were served */
    struct text by;     /* user name */
    int64_t created_ms; /* out */
};

/* ERR_UNPROCESSABLE "bad_package_name"; ERR_CONFLICT "claimed", "served_before". */
int claim_create(struct registry *registry, struct pool *pool, struct claim *claim,
                 struct err *err);
/* ERR_NOT_FOUND "claim_not_found"; ERR_CONFLICT "claim_in_use" while versions are there: they would
 * turn into somebody else's from one moment to the next. */
int claim_remove(struct registry *registry, struct pool *pool, struct text name, struct err *err);
