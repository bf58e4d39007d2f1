/* The commands of `redhouse registry …` and `redhouse hook …`. In the table of client_commands.c.
 */
#pragma once

struct ask;
struct err;

int tenant_quota(struct ask *ask, struct err *err);
int tenant_retention(struct ask *ask, struct err *err);
int registry_verify(struct ask *ask, struct err *err);
int registry_gc(struct ask *ask, struct err *err);
int registry_key_list(struct ask *ask, struct err *err);
int registry_key_rotate(struct ask *ask, struct err *err);

int hook_add(struct ask *ask, struct err *err);
int hook_list(struct ask *ask, struct err *err);
int hook_enable(struct ask *ask, struct err *err);
int hook_remove(struct ask *ask, struct err *err);
int hook_deliveries(struct ask *ask, struct err *err);
int hook_ping(struct ask *ask, struct err *err);
int hook_redeliver(struct ask *ask, struct err *err);
