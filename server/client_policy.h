/* The commands of `redhouse policy …`. In the table of client_commands.c. */
#pragma once

struct ask;
struct err;

int policy_show(struct ask *ask, struct err *err);
int policy_set(struct ask *ask, struct err *err);
int policy_refusals(struct ask *ask, struct err *err);
