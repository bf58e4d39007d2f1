/*
 * Private names that an uplink has too. Such a name is ours, always, and what is outside is never
 * mixed in; but somebody should know. That is learnt without asking anybody: from what was served
 * under the name before it was ours; or by asking, when an admin says so by name.
 */
#pragma once

#include "core/text.h"

struct err;
struct json_writer;
struct registry;

/* Looks through what is known; what is new is logged once. */
int outside_learn(struct registry *registry, struct err *err);
/* Asks the uplink that a name would come from. ERR_UNPROCESSABLE "not_private" for a name that is
 * not ours. *found: it has it. */
int outside_ask(struct registry *registry, struct text name, bool *found, struct err *err);
/* An array of objects: name, uplink, how, seen_at. */
int outside_put_all(struct registry *registry, struct json_writer *w, struct err *err);
