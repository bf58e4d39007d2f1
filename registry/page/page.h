/* The pages that people read about a package, as far as npm has no request for them: looking in,
 * who needs it, how often, what may be changed by hand. All of the API. */
#pragma once

#include <stddef.h>

struct asked;
struct call;
struct err;
struct registry;
struct router;

int page_routes(struct registry *registry, struct router *router, struct err *err);

/* A name of which nothing was told, and that is no package of ours, may be anybody's:
 * ERR_NOT_FOUND. */
int page_check_known(struct call *c, const struct asked *a, size_t told, struct err *err);

/* What page_routes adds. */
int users_routes(struct registry *registry, struct router *router, struct err *err);
int files_routes(struct registry *registry, struct router *router, struct err *err);
int needs_routes(struct registry *registry, struct router *router, struct err *err);
int downloads_routes(struct registry *registry, struct router *router, struct err *err);
int manage_routes(struct registry *registry, struct router *router, struct err *err);
