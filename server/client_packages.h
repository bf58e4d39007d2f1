/* The commands of `redhouse package …` and `redhouse source …`. In the table of client_commands.c.
 */
#pragma once

struct ask;
struct err;

int package_claim(struct ask *ask, struct err *err);
int package_list(struct ask *ask, struct err *err);
int package_users(struct ask *ask, struct err *err);
int source_add(struct ask *ask, struct err *err);
int source_list(struct ask *ask, struct err *err);
int source_build(struct ask *ask, struct err *err);
