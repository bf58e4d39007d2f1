/*
 * One request and its one answer. A handler is `static void put_flows(struct call *c)`: it runs on
 * a worker as straight-line blocking code, reads, decides, and answers exactly once (forgetting is
 * caught in debug builds and answered 500). Everything it allocates lives in c->pool. The body is
 * pinned until the answer.
 */
#pragma once

#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "core/text.h"
#include "http/account.h"

struct host_entry;
struct route;
struct stream;

#define CALL_MAX_PARAMS 6

struct call {
    struct pool *pool;
    void *area; /* given to router_add with the table */
    const struct route *route;
    struct text method;
    struct text path;           /* decoded once */
    struct text raw_path;       /* as sent, with query */
    struct text query;          /* raw, without '?' */
    struct text host;           /* lower case, with port if any */
    struct text peer;           /* client address (a trusted proxy's word when configured) */
    const struct identity *who; /* never NULL */
    struct snapshot *accounts;  /* what who was judged by; held for the call */
    const struct account_tenant *tenant; /* of the route's :tenant, else NULL */
    const struct host_entry *instance;   /* the face's instance; NULL on the platform's origin */
    struct text body;
    char id[17]; /* request id, in log lines and error answers */
    /* below: http's own */
    struct text params[CALL_MAX_PARAMS];
    unsigned allow; /* methods the path has for this face, a bit each */
    void *http;
    bool answered;
};

/* Reading. Absent is a NULL base. */
struct text call_param(const struct call *c, const char *name);  /* ":name" of the route's path */
struct text call_header(const struct call *c, const char *name); /* lower-case name */
struct text call_query(struct call *c, const char *name);        /* decoded */
/* The body as JSON object; fails with 400/415. */
int call_json_body(struct call *c, const struct json **doc, struct err *err);
/* limit and cursor of a list: limit 1..200, default 50. */
int call_page(struct call *c, int64_t *limit, struct text *cursor, struct err *err);

/* Judging: ERR_UNAUTHORIZED for anonymous, else ERR_FORBIDDEN "forbidden"; with hide set
 * ERR_NOT_FOUND, which the caller words as for what is not there: nobody learns what there is. */
int call_require(struct call *c, const char *tenant, uint32_t scopes, bool hide, struct err *err);

/* Answering, exactly once. Header values are copied; control bytes in them are refused. */
void call_set(struct call *c, const char *name, struct text value);
void call_json(struct call *c, int status, const struct buf *json); /* application/json; no-store */
void call_bytes(struct call *c, int status, const char *mime,
                struct text bytes); /* bytes in pool or static */
void call_empty(struct call *c, int status);
void call_redirect(struct call *c, int status, struct text location);
/* A file from offset 0; honours Range, If-None-Match and HEAD. Takes over fd. etag quoted. */
void call_file(struct call *c, const char *mime, int fd, uint64_t bytes, struct text etag);
/* problem+json (RFC 9457) {type,title,status,code,detail,request}; under /npm/ {"error":text}. 401
 * gets WWW-Authenticate. ERR_INTERNAL is logged with its text; the client gets the request id. */
void call_fail(struct call *c, const struct err *err);
/* A body that goes on: see http/stream.h. Answers 200 now. */
struct stream *call_stream(struct call *c, const char *mime);
/* True, and answered 304, when If-None-Match names etag (lists, W/). Sets ETag otherwise. */
bool call_not_modified(struct call *c, struct text etag);
