/* The commands of `redhouse advisories …`. In the table of client_commands.c. */
#pragma once

struct ask;
struct err;

int advisories_import_files(struct ask *ask, struct err *err);
int advisories_list(struct ask *ask, struct err *err);
int advisories_concerned(struct ask *ask, struct err *err);
