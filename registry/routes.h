/* The route tables of the registry, one function a file. */
#pragma once

#include <stdbool.h>

struct asked;
struct call;
struct err;
struct registry;
struct router;

int routes_packages(struct registry *registry, struct router *router, struct err *err);
int routes_publishing(struct registry *registry, struct router *router, struct err *err);
int routes_access(struct registry *registry, struct router *router, struct err *err);
int routes_star(struct registry *registry, struct router *router, struct err *err);
/* Gives or takes back the asker's star and answers. */
void star_answer(struct call *c, const struct asked *asked, bool star);
int routes_users(struct registry *registry, struct router *router, struct err *err);
int routes_weblogin(struct registry *registry, struct router *router, struct err *err);
int routes_tokens(struct registry *registry, struct router *router, struct err *err);
int routes_profile(struct registry *registry, struct router *router, struct err *err);
int routes_stage(struct registry *registry, struct router *router, struct err *err);
int routes_signature(struct registry *registry, struct router *router, struct err *err);
int routes_moves(struct registry *registry, struct router *router, struct err *err);
int routes_hooks(struct registry *registry, struct router *router, struct err *err);
int routes_stock(struct registry *registry, struct router *router, struct err *err);
int routes_quota(struct registry *registry, struct router *router, struct err *err);
int routes_provenance(struct registry *registry, struct router *router, struct err *err);
int routes_api(struct registry *registry, struct router *router, struct err *err);
int routes_uplinks(struct registry *registry, struct router *router, struct err *err);
int routes_offline(struct registry *registry, struct router *router, struct err *err);
/* Whatever else clients ask below /npm/: a quick 404, since npm repeats all but 4xx. Last. */
int routes_rest(struct registry *registry, struct router *router, struct err *err);
