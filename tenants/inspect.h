/*
 * What people may look at of an instance's insides: the settings.js that it is started with and the
 * revisions of its flows. Changes nothing.
 */
#pragma once

struct err;
struct router;
struct tenants;

int inspect_routes(struct tenants *tenants, struct router *router, struct err *err);
