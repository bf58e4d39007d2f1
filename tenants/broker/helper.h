/*
 * Processes that the broker starts: wardens, and short-lived copies of itself that walk over trees.
 * Each reports with one struct warden_report on a pipe; its end is awaited on a pidfd.
 */
#pragma once

#include "core/loop.h"
#include "tenants/warden/record.h"

#include <stdbool.h>
#include <sys/types.h>

struct broker;
struct err;

struct helper {
    struct broker *broker;
    char id[64]; /* of the instance, job or stack it works for */
    uint32_t serial;
    pid_t pid;        /* 0: adopted, not our child */
    bool is_instance; /* a warden of an instance: not to be ended with the broker */
    bool is_job;
    bool killed; /* because somebody asked */
    bool reported;
    struct warden_report report; /* status -1 until it came */
    void *arg;
    void (*on_report)(struct helper *h); /* may be NULL */
    void (*on_end)(struct helper *h);    /* h is freed after it */
    /* below: not written by callers */
    struct loop_watch exit, pipe;
    struct loop_timer deadline;
    struct helper *next, **link;
};

/* Forks; fn runs in the child, as root, and fills the report. */
typedef int helper_fn(void *arg, struct warden_report *report, struct err *err);
int helper_fork(struct helper *h, helper_fn *fn, void *arg, struct err *err);

/* Executes the warden. fds[i] becomes descriptor i for WARDEN_FD_RUN …; -1: none. Killed at
 * deadline_ms (0: none) unless it reported. */
struct helper_warden {
    const struct warden_record *record;
    int fds[WARDEN_FD_END];
    int64_t deadline_ms;
    /* Runs in the new process, as root, before the warden is executed; may add to fds. May be NULL.
     */
    int (*before)(struct helper_warden *w, struct err *err);
    void *arg;
};
int helper_exec_warden(struct helper *h, struct helper_warden *w, struct err *err);

/* Watches a process that is not our child, by pidfd (taken over). */
int helper_adopt(struct helper *h, int pidfd, struct err *err);

struct helper *helper_new(struct broker *b, const char *id, uint32_t serial);
/* The running one for an id, NULL. */
struct helper *helper_find(struct broker *b, const char *id);
void helper_kill(struct helper *h);
void helper_free(struct helper *h);
