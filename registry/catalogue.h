/*
 * The palette catalogue of an instance: the Node-RED packages that its tenant may install, computed
 * from the rows and kept as ready bytes. Served on the instance's own host.
 */
#pragma once

struct err;
struct registry;
struct router;

int catalogue_routes(struct registry *registry, struct router *router, struct err *err);
/* After a change of a package of tenant (id; NULL: of the platform's scope, which all see). */
void catalogue_changed(struct registry *registry, const char *tenant);
