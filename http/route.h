/*
 * The route tables. A row is the method, the path, the handler and who may; the tables are checked
 * at start for clashes, print themselves (`redhouse routes`) and yield the OpenAPI document.
 *
 * Path patterns: "/api/v1/tenants/:tenant/themes/:name", one segment per ":x"; ":pkg" takes a
 * package name in all its spellings (@s%2fp, @s/p, %40s%2fp); a last "*rest" takes what is left, be
 * it nothing. Segments are decoded once; a segment that is empty, "." or "..", holds a control
 * character or, but for
 * ":pkg" and "*rest", a slash, matches nothing. One slash at the end is ignored. Literal segments
 * win over
 * ":x", ":x" over "*rest". No two kinds of parameter at one place.
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
    WHO_ANYONE,    /* the handler judges, or nobody needs to */
    WHO_USER,      /* a person */
    WHO_MEMBER,    /* scope in the tenant of :tenant */
    WHO_ADMIN,     /* SCOPE_PLATFORM */
    WHO_PUBLISHER, /* a person, or a machine that a package trusts; the handler judges the name */
    WHO_INSTANCE,  /* an instance's own token, on its own carrier */
};

/* Who wait for the same: what one lane is full of holds up no other. */
enum route_lane {
    LANE_QUICK,    /* the databases */
    LANE_PASSWORD, /* a password hash */
    LANE_READ,     /* what lies on the disk and is opened or made ready */
    LANE_ARCHIVE,  /* packing, unpacking, storing */
    LANE_OUTSIDE,  /* somebody else's server */
    LANE_COUNT
};

struct route {
    const char *method; /* "GET" also serves HEAD */
    const char *path;
    void (*handle)(struct call *c); /* on a worker */
    enum route_who who;
    uint32_t scope; /* for WHO_MEMBER */
    enum route_lane lane;
    /* Where it depends on the call, instead of lane; on the loop. */
    enum route_lane (*lane_of)(struct call *c);
    unsigned faces;      /* 0: FACE_PLATFORM */
    size_t max_body;     /* 0: 64 KiB */
    const char *summary; /* for OpenAPI and docs/api.md */
    /* For OpenAPI, words between blanks. The parameters beside the path's, of server/api.json;
     * what the body and the answer hold: a schema of server/api.json, "[Name]" for a list of it
     * in pages, or a media type. */
    const char *query, *body, *answer;
    int status; /* of success; 0: 200, or 204 without an answer */
    /* Answers on the loop when the bytes lie ready in memory; false: go to the worker. */
    bool (*ready)(struct call *c);
    /* Open to somebody whose password must be changed first (session and password routes). */
    bool before_change;
    /* Of WHO_MEMBER with a scope of packages: which package it is about stands in the body, and
     * the handler judges what a token is limited to. Others are not for tokens with such limits. */
    bool names_package;
    /* The Authorization header is the handler's to judge: it holds no token of ours. */
    bool own_bearer;
    /* Its answer shows a secret once: not kept for an Idempotency-Key (http/idempotency.h). */
    bool secret;
};

struct router;
struct router *router_new(void);
/* Adds a table, which must live as long as the router; area is handed to handlers as c->area.
 * ERR_INTERNAL names the row on a clash (same method, same shape, a face in common) or a row that
 * makes no sense, such as WHO_MEMBER without ":tenant". Before the server starts only. */
int router_add(struct router *router, const struct route *table, size_t n, void *area,
               struct err *err);
/* The tables in order, for `redhouse routes`, docs and OpenAPI; NULL past the end. */
const struct route *router_row(const struct router *router, size_t index);
enum route_match { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };
/* Pure; fuzzed. raw_path is undecoded and without query. Fills route, params and area of c, which
 * has a pool; with ROUTE_NO_METHOD its allow. */
enum route_match router_match(const struct router *router, enum face face, struct text method,
                              struct text raw_path, struct call *c);
/* "GET, HEAD, PUT" of a call's allow. */
struct text router_allow(const struct call *c);
/* The largest max_body of all rows. */
size_t router_max_body(const struct router *router);
void router_free(struct router *router);
