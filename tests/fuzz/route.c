/*
 * A method, a face and a path against a table of every kind of pattern: what matched keeps the
 * router's promises about its parameters, and an odd spelling never reaches more than its plain
 * one.
 */
#include "tests/fuzz/fuzz.h"

#include "core/pool.h"
#include "http/route.h"

#include <stdlib.h>

static void handle(struct call *c)
{
    c->answered = true;
}

static const struct route table[] = {
    {"GET", "/", handle, .summary = ""},
    {"GET", "/npm/:pkg", handle, .faces = FACE_PLATFORM | FACE_CARRIER},
    {"PUT", "/npm/:pkg", handle, .summary = ""},
    {"GET", "/npm/:pkg/-/:file", handle, .faces = FACE_PLATFORM | FACE_CARRIER},
    {"DELETE", "/npm/:pkg/-/:file/-rev/:rev", handle, .summary = ""},
    {"GET", "/npm/-/package/:pkg/dist-tags", handle, .summary = ""},
    {"PUT", "/npm/-/package/:pkg/dist-tags/:tag", handle, .summary = ""},
    {"GET", "/npm/-/ping", handle, .summary = ""},
    {"POST", "/api/v1/tenants/:tenant/instances/:instance", handle, .summary = ""},
    {"GET", "/api/v1/tenants/mine", handle, .summary = ""},
    {"GET", "/.redhouse/theme/*rest", handle, .faces = FACE_EDITOR | FACE_APP},
    {"GET", "/assets/*rest", handle, .summary = ""},
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_param(const char *name, struct text value)
{
    check(value.base != NULL && text_is_utf8(value) && text_is_printable(value));
    if (*name == '*') {
        struct text part;
        while (value.len > 0 && text_cut(&value, '/', &part))
            check(part.len > 0 && !text_is(part, "..") && !text_is(part, "."));
        return;
    }
    check(value.len > 0 && !text_is(value, "..") && !text_is(value, "."));
    size_t slash = text_find(value, '/', 0);
    if (strncmp(name, ":pkg", 4) != 0 || value.base[0] != '@') {
        check(slash == SIZE_MAX);
        return;
    }
    check(slash != SIZE_MAX && slash > 1 && slash + 1 < value.len);
    check(text_find(value, '/', slash + 1) == SIZE_MAX);
}

static void check_match(const struct call *c)
{
    unsigned n = 0;
    for (const char *p = c->route->path; *p != '\0'; p++) {
        if (*p == '/' && (p[1] == ':' || p[1] == '*'))
            check_param(p + 1, c->params[n++]);
    }
    check(n <= CALL_MAX_PARAMS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "DELETE", "BREW"};
    static struct router *router;
    struct err err;
    if (router == NULL) {
        router = router_new();
        check(router_add(router, table, sizeof(table) / sizeof(table[0]), NULL, &err) == 0);
    }
    if (size < 1)
        return 0;
    struct call c = {.pool = pool_new()};
    enum face face = (enum face)(1u << (data[0] & 3));
    struct text method = text_of(methods[(data[0] >> 2) % 6]);
    struct text path = text_n(data + 1, size - 1);
    switch (router_match(router, face, method, path, &c)) {
    case ROUTE_FOUND:
        check(((c.route->faces != 0 ? c.route->faces : FACE_PLATFORM) & face) != 0);
        check_match(&c);
        break;
    case ROUTE_NO_METHOD:
        check(c.route == NULL && router_allow(&c).len > 0);
        break;
    case ROUTE_NO_PATH:
        check(c.route == NULL && c.allow == 0);
        break;
    }
    pool_free(c.pool);
    return 0;
}
