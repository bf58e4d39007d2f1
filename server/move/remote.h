/*
 * Another registry by its address: what it is asked for and told. Its token goes to it and nowhere
 * else. Inside server/move/ only.
 */
#pragma once

#include "core/text.h"

struct ask;
struct err;
struct fetcher;
struct pool;

struct remote {
    struct fetcher *fetcher;
    const char *base;   /* without a slash at its end */
    const char *origin; /* of core/url.h */
    const char *token;  /* NULL: none */
};

/* --registry-token-file, --uplink-ca and --uplink-proxy count. remote_close is due either way. */
int remote_open(struct remote *r, struct ask *ask, const char *address, struct err *err);
void remote_close(struct remote *r);
/* BASE/@scope%2fbase in the pool; NULL when that is no name. */
const char *remote_package(const struct remote *r, struct pool *pool, struct text name);
/* GET; what fails in passing is asked for again. ERR_NOT_FOUND "not_there", ERR_INVALID "bad_url".
 */
int remote_get(struct remote *r, struct pool *pool, const char *url, size_t max, struct text *out,
               struct err *err);
/* PUT of JSON to the registry itself. */
int remote_put(struct remote *r, struct pool *pool, const char *url, struct text body,
               struct err *err);
