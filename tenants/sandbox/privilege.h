/*
 * Giving up root: wholly (what runs in a sandbox), or but for the right to signal (the warden).
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct err;

/* Resource limits, capability bounding set, groups, ids; checks that no capability is left. */
int privilege_drop_all(uid_t uid, gid_t gid, struct err *err);
/* Becomes uid but may still send signals to every process; cannot gain anything else again. */
int privilege_keep_kill(uid_t uid, gid_t gid, struct err *err);
int privilege_limits(int64_t pids, uint64_t file_bytes, struct err *err);
