/*
 * Starts a program with argv, a clean environment and exactly the descriptors given, under any
 * numbers; all others are closed. No shell. For the broker and the command line.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct err;

struct child_fd {
    int from; /* ours */
    int to;   /* number in the child */
};

struct child_spec {
    const char *path; /* absolute */
    const char *const *argv;
    const char *const *env;     /* NULL: empty */
    const char *cwd;            /* NULL: "/" */
    const struct child_fd *fds; /* 0, 1, 2 not named go to /dev/null */
    unsigned n_fds;
    uid_t uid; /* 0: keep */
    gid_t gid;
    int new_session; /* setsid: survives us */
};

struct child {
    pid_t pid;
    int pidfd;
};

int child_start(struct child *child, const struct child_spec *spec, struct err *err);
/* Waits up to deadline_ms, then kills; *status as of waitpid. */
int child_wait(struct child *child, int64_t deadline_ms, int *status, struct err *err);
void child_kill(struct child *child, int signal);
void child_close(struct child *child);
