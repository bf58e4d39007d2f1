#include "core/err.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/routes.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)
#define MAX_AUDIT ((size_t)16 << 20)

/* No advisories are kept: nothing is known against anything. */
static void post_bulk(struct call *c)
{
    auto_buf struct buf out = {0};
    buf_init(&out, 16);
    buf_str(&out, "{}");
    call_json(c, 200, &out);
}

static bool answer_absent(struct call *c)
{
    struct err err;
    err_set(&err, ERR_NOT_FOUND, "not_offered", "This registry does not offer that.");
    call_fail(c, &err);
    return true;
}

static void absent(struct call *c)
{
    answer_absent(c);
}

#define ABSENT(verb, what)                                                                         \
    {                                                                                              \
        .method = (verb), .path = (what), .handle = absent, .faces = FACES, .ready = answer_absent \
    }

static const struct route table[] = {
    {.method = "POST",
     .path = "/npm/-/npm/v1/security/advisories/bulk",
     .handle = post_bulk,
     .faces = FACES,
     .max_body = MAX_AUDIT,
     .summary = "npm audit: nothing is known against any package"},
    ABSENT("GET", "/npm/*rest"),
    ABSENT("PUT", "/npm/*rest"),
    ABSENT("POST", "/npm/*rest"),
    ABSENT("DELETE", "/npm/*rest"),
};

int routes_rest(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
