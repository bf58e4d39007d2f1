/* The log of an instance: its tail, and what comes, also while the instance sleeps. */
#pragma once

struct err;
struct router;
struct tenants;

int logs_routes(struct tenants *tenants, struct router *router, struct err *err);
