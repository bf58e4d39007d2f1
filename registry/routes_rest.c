#include "core/err.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/routes.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)

/* The row's summary is the sentence: docs/npm.md lists what is not offered, and a test compares. */
static bool answer_absent(struct call *c)
{
    struct err err;
    err_set(&err, ERR_NOT_FOUND, "not_offered", "%s", c->route->summary);
    call_fail(c, &err);
    return true;
}

static void absent(struct call *c)
{
    answer_absent(c);
}

#define ABSENT(verb, what, why)                                                                    \
    {                                                                                              \
        .method = (verb), .path = (what), .handle = absent, .faces = FACES,                        \
        .ready = answer_absent, .summary = (why)                                                   \
    }
#define HOOKS "Webhooks are kept in the portal, not by npm hook, which npm itself gave up."
#define WHOLE "There is no list of everything: npm search says what there is."
#define CHANGES "There is no feed of changes: webhooks tell of them."
#define OLD_TEAM                                                                                   \
    "Teams are not asked for at this address, which is older than npm's: use npm or pnpm."
#define REST "This registry does not offer that."

static const struct route table[] = {
    ABSENT("GET", "/npm/-/npm/v1/hooks", HOOKS),
    ABSENT("POST", "/npm/-/npm/v1/hooks/hook", HOOKS),
    ABSENT("GET", "/npm/-/npm/v1/hooks/hook/:id", HOOKS),
    ABSENT("PUT", "/npm/-/npm/v1/hooks/hook/:id", HOOKS),
    ABSENT("DELETE", "/npm/-/npm/v1/hooks/hook/:id", HOOKS),
    ABSENT("GET", "/npm/-/all", WHOLE),
    ABSENT("GET", "/npm/-/all/since", WHOLE),
    ABSENT("GET", "/npm/-/_changes", CHANGES),
    ABSENT("PUT", "/npm/team/:org", OLD_TEAM),
    ABSENT("GET", "/npm/*rest", REST),
    ABSENT("PUT", "/npm/*rest", REST),
    ABSENT("POST", "/npm/*rest", REST),
    ABSENT("DELETE", "/npm/*rest", REST),
};

int routes_rest(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
