/* The commands of `redhouse registry …`: what its operator does with it. In the table of
 * client_commands.c. */
#pragma once

struct ask;
struct err;

int registry_key_list(struct ask *ask, struct err *err);
int registry_key_rotate(struct ask *ask, struct err *err);
