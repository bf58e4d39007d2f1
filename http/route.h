/*
 * The route tables. A row is the method, the path, the handler and who may; the tables are checked at
 * start for clashes, print themselves (`redhouse routes`) and yield the OpenAPI document.
 *
 * Path patterns: "/api/v1/tenants/:tenant/themes/:name", one segment per ":x"; ":pkg" takes a package
 * name in all its spellings (@s%2fp, @s/p, %40s%2fp); a last "*rest" takes what is left.
 */
#pragma once

#include "http/call.h"

enum face {
    FACE_PLATFORM = 1, /* DOMAIN: portal, API, registry */
    FACE_EDITOR = 2,   /* slug.DOMAIN: only below /.redhouse/ */
    FACE_APP = 4,      /* slug--app.DOMAIN: only below /.redhouse/ */
    FACE_CARRIER = 8,  /* an instance's own socket: what its sandbox may reach */
};

enum route_who {
    WHO_ANYONE,   /* the handler judges, or nobody needs to */
    WHO_USER,     /* a person */
    WHO_MEMBER,   /* scope in the tenant of :tenant */
    WHO_ADMIN,    /* SCOPE_PLATFORM */
    WHO_INSTANCE, /* an instance's own token, on its own carrier */
};

enum route_lane { LANE_QUICK, LANE_PASSWORD, LANE_ARCHIVE, LANE_COUNT };

struct route {
    const char *method; /* "GET" also serves HEAD */
    const char *path;
    void (*handle)(struct call *c); /* on a worker */
    enum route_who who;
    uint32_t scope;         /* for WHO_MEMBER */
    enum route_lane lane;
    unsigned faces;         /* 0: FACE_PLATFORM */
    size_t max_body;        /* 0: 64 KiB */
    const char *summary;    /* for OpenAPI and docs/api.md */
    /* Answers on the loop when the bytes lie ready in memory; false: go to the worker. */
    bool (*ready)(struct call *c);
};

struct router;
struct router *router_new(void);
/* Adds a table; area is handed to handlers as c->area. ERR_INTERNAL on a clash. */
int router_add(struct router *router, const struct route *table, size_t n, void *area, struct err *err);
/* The tables in order, for `redhouse routes`, docs and OpenAPI. */
const struct route *router_row(const struct router *router, size_t index);
enum route_match { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };
/* Pure; fuzzed. raw_path is undecoded and without query. Fills params and area of c. */
enum route_match router_match(const struct router *router, enum face face, struct text method,
                              struct text raw_path, struct call *c);
void router_free(struct router *router);
