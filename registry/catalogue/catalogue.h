/*
 * The palette catalogue of a tenant: its own Node-RED packages, those of the platform's scope, and
 * the public ones that the tenant or the platform picked (pick.h). Computed from the rows and kept
 * as ready bytes; served on the host of each instance, and on the platform's under a tenant's key,
 * for Node-REDs elsewhere.
 */
#pragma once

#include "core/text.h"

struct call;
struct err;
struct registry;
struct router;

int catalogue_routes(struct registry *registry, struct router *router, struct err *err);
/* After a change of a package of tenant (id; NULL: of the platform's scope, which all see). */
void catalogue_changed(struct registry *registry, const char *tenant);
/* Answers with the catalogue of a tenant (id), from memory when it lies ready; on a worker. */
void catalogue_answer(struct registry *registry, struct call *c, const char *tenant);
