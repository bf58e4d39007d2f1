/* The commands of `redhouse uplink …`. In the table of client_commands.c. */
#pragma once

struct ask;
struct err;

int uplink_add_command(struct ask *ask, struct err *err);
int uplink_list_command(struct ask *ask, struct err *err);
int uplink_set_command(struct ask *ask, struct err *err);
int uplink_remove_command(struct ask *ask, struct err *err);
int uplink_test_command(struct ask *ask, struct err *err);
int uplink_cache_command(struct ask *ask, struct err *err);
int uplink_outside_command(struct ask *ask, struct err *err);
int uplink_rule_add_command(struct ask *ask, struct err *err);
int uplink_rule_list_command(struct ask *ask, struct err *err);
int uplink_rule_remove_command(struct ask *ask, struct err *err);

/* --auth is bearer or basic. */
#define UPLINK_FLAGS                                                                               \
    "[--auth KIND] [--secret-file FILE] [--proxy URL] [--no-proxy LIST] [--ca-file FILE] "         \
    "[--hosts LIST] [--fresh 5m] [--stale 15m] [--timeout 30s]"
