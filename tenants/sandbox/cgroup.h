/*
 * The limits around one sandbox: cgroup v2 where it has the controllers (the product's path), v1
 * where they are bound there (with the v2 hierarchy beside it, if any, for cgroup.kill). Groups are
 * "redhouse/NAME" below the root of each hierarchy, so that they outlive the server's own unit.
 *
 * Made and removed by root. An open struct cgroup keeps what it needs, so that the warden can still
 * kill and read after it dropped its privileges; only removing the folder takes root again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* The folders of one group: one for v2; for v1 one each, with v2's core files last. */
enum cgroup_part {
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_CPU,
    CGROUP_CPUACCT,
    CGROUP_FREEZER,
    CGROUP_UNIFIED,
    CGROUP_PARTS,
};

struct cgroup_limits {
    int64_t memory_bytes;
    int64_t cpu_percent; /* 100 is one core */
    int64_t pids;
};

struct cgroup_stats {
    int64_t memory_bytes;
    int64_t cpu_ms;
    int64_t pids;
    int64_t oom_kills; /* since it was made */
};

struct cgroup {
    bool v2;
    int parts[CGROUP_PARTS]; /* folders, -1 where there is none; v2: only CGROUP_UNIFIED */
    int kill_fd;             /* cgroup.kill, or -1 */
    int freeze_fd;           /* v1: freezer.state, or -1 */
};

/* Makes the group with its limits. One that is left over under that name is killed and removed
 * first. */
int cgroup_make(struct cgroup *cg, const char *name, const struct cgroup_limits *limits,
                struct err *err);
/* The folder for CLONE_INTO_CGROUP, or -1: then join. */
int cgroup_clone_fd(const struct cgroup *cg);
/* Moves a process in (v1). Nothing to do on v2. */
int cgroup_join(const struct cgroup *cg, pid_t pid, struct err *err);
/* SIGKILL to all in it, new children included. */
void cgroup_kill(const struct cgroup *cg);
/* What cannot be read is 0. */
void cgroup_read(const struct cgroup *cg, struct cgroup_stats *stats);
void cgroup_close(struct cgroup *cg);

/* Moves the caller from the server's own group into redhouse/wardens (v2), so that whoever ends all
 * of the server's unit leaves it alone. What cannot be done is not. */
void cgroup_settle(void);

bool cgroup_exists(const char *name);
/* Kills all in the group and waits, `ms` at most, until what it saw there has ended: such a process
 * is a zombie then or no more, while one that has just left its group may still be on its way out.
 */
void cgroup_end(const char *name, int64_t ms);
/* Kills what is left in the group and removes it, waiting a second at most; missing is success. */
int cgroup_remove(const char *name, struct err *err);
/* Calls fn for each group's name below redhouse/. */
void cgroup_each(void (*fn)(void *arg, const char *name), void *arg);
