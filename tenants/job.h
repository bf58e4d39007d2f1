/*
 * Sandboxed one-shot work for others (git, npm pack), through the broker. Blocking, for workers.
 */
#pragma once

#include "core/text.h"

struct err;
struct tenants;

/* input: the job's document. repository: below the folder of --git-local, or "" for one on the
 * network. log stays the caller's. err only when the job could not be run. */
int tenants_job_git(struct tenants *tenants, const char *job, const char *repository,
                    struct text input, int log, int *exit_code, struct err *err);
/* npm pack of SUBDIR of what that id's git job left, by the default stack's npm. */
int tenants_job_pack(struct tenants *tenants, const char *job, const char *subdir, int log,
                     int *exit_code, struct err *err);
void tenants_job_clean(struct tenants *tenants, const char *job);
