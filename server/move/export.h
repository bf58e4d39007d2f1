/* What the exports share. Inside server/move/ only. */
#pragma once

#include "registry/pkgname.h"
#include "server/ask.h"

#define EXPORT_NAMES_MAX 100000

struct export;

struct export_package {
    struct client client; /* as the command's, with the package's pool */
    struct pool *pool;
    struct pkgname name;
    const struct json *doc; /* the packument */
    int64_t written, there; /* versions */
};

struct export_target {
    const char *done; /* "written" */
    int (*open)(struct export *e, struct err *err);
    int (*package)(struct export *e, struct export_package *p, struct err *err);
    /* Due once open was called. whole: everything was taken. */
    int (*close)(struct export *e, bool whole, struct err *err);
};
extern const struct export_target export_to_folder, export_to_tar, export_to_registry;

struct export
{
    struct ask *ask;
    const struct export_target *target;
    void *arg; /* the target's */
    const char *tenant, *where;
    struct json_writer report;
    struct text *names;
    size_t n_names;
    int64_t written, there, refused;
};

/* One tarball, which is what its manifest promises. */
int export_tarball(struct export_package *p, struct text version, const struct json *manifest,
                   struct text *out, struct err *err);
/* {"KEY":value,"code","detail"} into the open list of the report. */
void export_refuse(struct export *e, const char *key, struct text value, const struct err *why);
