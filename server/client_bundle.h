/* The commands of `redhouse registry bundle …`. In the table of client_commands.c. */
#pragma once

struct ask;
struct err;

int bundle_export(struct ask *ask, struct err *err);
int bundle_import(struct ask *ask, struct err *err);
