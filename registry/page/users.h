/* Who uses a package: the instances that have it, of the tenants that the asker may see. */
#pragma once

#include "core/text.h"

struct call;
struct err;
struct registry;
struct router;

/* The tenants whose instances the asker may see, as the filter of package_users; absent: all. */
struct text users_tenants(struct call *c);
int users_routes(struct registry *registry, struct router *router, struct err *err);
