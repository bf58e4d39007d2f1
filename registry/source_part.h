/* What the files of sources and builds share. */
#pragma once

#include "core/err.h"
#include "core/pool.h"
#include "registry/area.h"
#include "registry/source.h"

#include <stdatomic.h>

struct sources {
    struct sources_config config;
    struct db *db;
    struct lane *lane; /* looks and builds, one after another each */
    atomic_uint looks; /* waiting or under way */
};

struct source {
    struct text id, tenant, url, tags, token, secret, created_by;
};
int source_get(struct sources *sources, struct pool *pool, struct text id, struct source *out,
               struct err *err);
/* Removes a source, or its failed builds only, with the logs that go with them. */
int source_forget(struct sources *sources, struct pool *pool, struct text id, bool failed_only,
                  struct err *err);
/* Looks at the repository on the lane and builds what is new. operation: of who asked by hand,
 * ended when the look and its builds have; failed builds are then tried again; NULL: nobody's.
 * False: the lane is full; the operation is still the caller's. */
bool source_look(struct sources *sources, const char *id, const char *operation);
int source_note(struct sources *sources, struct text id, const char *cause, struct err *err);

/* source_address.c */

/* An address that a source may have: https or http with a host, without credentials, query or
 * fragment; or, by a platform admin, file below git_local. */
int source_address_check(const struct sources *sources, struct text url, bool admin,
                         struct err *err);
/* The repository of a file address, below git_local; "" for one on the network. NULL, with err,
 * when the folder is another by now. */
const char *source_repository(const struct sources *sources, struct pool *pool, struct text url,
                              struct err *err);

/* build.c: runs one, blocking; the row is queued already. -1: it failed, which its row says too. */
int build_run(struct sources *sources, const struct source *source, const char *build,
              struct err *err);
/* A row for ref and commit unless there is one: *made says. */
int build_queue(struct sources *sources, struct text source, struct text ref, struct text commit,
                char id[27], bool *made, struct err *err);
/* The input of a git job. */
struct text build_git_input(struct sources *sources, struct pool *pool, const struct source *source,
                            const char *mode, struct text ref, struct text commit, struct err *err);
/* The child's own last sentence, or one with the exit status. */
int build_job_failed(struct sources *sources, struct pool *pool, const char *job, int exit_code,
                     struct err *err);
