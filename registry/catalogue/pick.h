/*
 * Public packages that were picked for a catalogue, in order, with a note and a badge, by a tenant
 * for itself or by an admin for all; and what the uplink says about them, asked again in the
 * background.
 */
#pragma once

#include "core/text.h"

struct err;
struct registry;
struct router;

#define PICKS_MOST 500 /* of a tenant, or of the platform */

int pick_routes(struct registry *registry, struct router *router, struct err *err); /* routes.c */
/* Asks the uplink about a package and keeps what it says; of a picked one also that it failed.
 * ERR_UNPROCESSABLE "not_node_red". */
int pick_refresh(struct registry *registry, struct text name, struct err *err);
/* Once a minute: those that were not looked at for an hour are, by a thread of its own. */
struct picks;
struct picks *picks_start(struct registry *registry);
void picks_look(struct picks *picks);
void picks_stop(struct picks *picks); /* NULL is fine */
