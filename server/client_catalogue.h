/* The commands of `redhouse catalogue …`. In the table of client_commands.c. */
#pragma once

struct ask;
struct err;

int catalogue_list_command(struct ask *ask, struct err *err);
int catalogue_pick_command(struct ask *ask, struct err *err);
int catalogue_remove_command(struct ask *ask, struct err *err);
int catalogue_address_command(struct ask *ask, struct err *err);
