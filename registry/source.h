/*
 * Sources: git repositories of a tenant whose tags become versions. Rows, routes, webhooks,
 * polling. What runs outside this process (git, npm pack) is done by the roof's runner, in
 * sandboxes.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct err;
struct lane;
struct operations;
struct pool;
struct registry;
struct router;
struct seal;

/* Sandboxed one-shot work; blocking, on the build lane. A job's folder lives until `clean`.
 * repository: below git_local, "" for one on the network. log is an open descriptor that gets what
 * the job prints; both stay the caller's. */
struct source_runner {
    void *arg;
    int (*git)(void *arg, const char *job, const char *repository, struct text input, int log,
               int *exit_code, struct err *err);
    int (*pack)(void *arg, const char *job, const char *subdir, int log, int *exit_code,
                struct err *err);
    void (*clean)(void *arg, const char *job);
    const char *jobs_dir; /* JOBS/ID/out holds what the job made */
};

struct sources_config {
    struct registry *registry;
    struct seal *seal;
    struct operations *operations; /* of looks by hand */
    struct source_runner runner;
    const char *logs_dir;   /* of builds */
    const char *public_url; /* of webhooks */
    const char *git_local;  /* file addresses lie below it, by platform admins; NULL: none */
    bool allow_private;     /* addresses of private networks may be sources: an admin said so */
    int64_t poll_ms;
    /* After each change of a build: one JSON object. */
    void (*changed)(void *arg, const char *tenant, struct text json);
    void *arg;
};

struct sources;
struct sources *sources_open(const struct sources_config *config, struct err *err);
void sources_stop(struct sources *sources); /* ends the lane; what is under way is finished as
                                               failed at the next start */
int sources_routes(struct sources *sources, struct router *router, struct err *err);
/* From a timer, a few times in poll_ms: looks at the sources whose time has come, unless looks are
 * under way. */
void sources_poll(struct sources *sources);
