/*
 * One sandbox: a process tree in its own mount, pid, ipc, uts and cgroup namespaces (and in the
 * network namespace of whoever starts it), on a read-only root of its own, under its own uid,
 * without capabilities, behind Landlock and seccomp.
 *
 * Its process 1 is a small reaper of ours (init.c): it starts the program, reaps what the program
 * leaves behind, passes SIGTERM on and reports the exact end. When the starter ends, however,
 * process 1 ends with it, and the kernel kills the rest.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup;
struct err;

enum sandbox_mount_flags {
    SANDBOX_READ_ONLY = 0,
    SANDBOX_WRITABLE = 1,
    SANDBOX_FILE = 2, /* the descriptor is a file, not a folder */
};

/* A host file or folder that is seen inside, by descriptor: no path is looked up again. */
struct sandbox_mount {
    int fd;
    const char *target; /* "/data" */
    unsigned flags;
};

#define SANDBOX_MOUNTS 8

struct sandbox_spec {
    const char *name; /* host name inside */
    uid_t uid;
    gid_t gid;
    const struct sandbox_mount *mounts;
    unsigned n_mounts;       /* SANDBOX_MOUNTS at most */
    const char *public_host; /* resolves to the loopback inside; NULL: none */
    bool host_network;       /* the host's resolver files instead */
    const char *workdir;     /* entered once the privileges are gone */
    char *const *argv;       /* argv[0] is the program's path inside */
    char *const *env;
    const int *fds; /* fds[i] becomes i inside; everything else is closed */
    unsigned n_fds;
    uint64_t tmp_bytes;
    uint64_t file_bytes; /* largest file */
    const struct cgroup *cgroup;
    int64_t pids;
};

struct sandbox {
    pid_t pid; /* of its process 1, outside */
    int pidfd;
    int control;   /* reports come here */
    bool landlock; /* the kernel has it and it holds */
};

/* What process 1 reports, one datagram each. */
enum sandbox_report_kind {
    SANDBOX_BUILT,
    SANDBOX_RUNNING,
    SANDBOX_FAILED,
    SANDBOX_EXITED,
    SANDBOX_KILLED
};
struct sandbox_report {
    uint32_t kind;
    int32_t code; /* exit status or signal */
    char text[160];
};

/* Builds it and starts the program. Waits (some 20 ms, 10 s at most) until it was executed. */
int sandbox_start(struct sandbox *s, const struct sandbox_spec *spec, struct err *err);
/* Reads a report without waiting. False when there is none or it is none of ours. */
bool sandbox_read(const struct sandbox *s, struct sandbox_report *report);
/* Asks process 1 to pass SIGTERM to the program. */
void sandbox_terminate(const struct sandbox *s);
void sandbox_kill(const struct sandbox *s);
/* Reaps process 1 and closes. Only after it ended or was killed. *status as of waitpid. */
void sandbox_reap(struct sandbox *s, int *status);
