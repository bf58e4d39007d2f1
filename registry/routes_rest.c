#include "core/err.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/routes.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)

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
    ABSENT("GET", "/npm/*rest"),
    ABSENT("PUT", "/npm/*rest"),
    ABSENT("POST", "/npm/*rest"),
    ABSENT("DELETE", "/npm/*rest"),
};

int routes_rest(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
