/*
 * Packages on their way here from another registry: the command line reads them as whoever runs it
 * and sends them through the API, so that the server never opens a path or an address that a client
 * names. What is here already is not sent again, so that an import that was cut short is simply run
 * once more. Everything that is taken, left or refused stands in the report. Inside server/ only.
 */
#pragma once

#include "server/ask.h"

#define MOVER_TARBALL_MAX ((size_t)64 << 20)
#define MOVER_DOCUMENT_MAX ((size_t)96 << 20)
#define MOVER_VERSIONS_MAX 20000

struct mover;

struct mover_package {
    struct client client; /* as the mover's, with the package's pool */
    struct pool *pool;
    struct text name;
    const char *tenant;     /* slug */
    bool mapped;            /* the map says so */
    const struct json *doc; /* the packument */
    int64_t added, there, skipped, refused;
};

/* Where packages come from. */
struct mover_source {
    /* Fills p->doc. */
    int (*document)(struct mover *m, struct mover_package *p, struct err *err);
    /* Is this version one of its own? Otherwise why not, a sentence. NULL: all are. */
    const char *(*foreign)(const struct mover_package *p, const struct json *manifest);
    int (*tarball)(struct mover *m, struct mover_package *p, const struct json *manifest,
                   struct text *out, struct err *err);
};

struct mover {
    struct ask *ask;
    const struct mover_source *source;
    void *arg;          /* the source's */
    const char *from;   /* for people */
    const char *tenant; /* slug for what map does not say */
    struct text map;    /* "@scope=slug,…" */
    bool dry_run, take_over;
    struct json_writer report;
    struct buf out;
    /* below: its own */
    const char *id; /* of the import */
    int64_t packages, added, there, skipped, refused;
    bool lost; /* the server cannot be talked to any more */
};

/* Opens the report. ERR_INVALID "usage" without a tenant. */
int mover_open(struct mover *m, struct ask *ask, struct err *err);
/* Takes the packages one after another; what goes wrong with one is told and the next comes. */
int mover_run(struct mover *m, const struct text *names, size_t n, struct err *err);
/* Ends the report and prints it. ERR_UNPROCESSABLE "import_incomplete" when something was refused.
 */
int mover_close(struct mover *m, struct err *err);
/* One request of the API; one that the server is too busy for is repeated. */
int mover_call(struct mover *m, struct client *client, const char *method, const char *path,
               const struct buf *body, const struct json **doc, struct err *err);
/* {"KEY":value,"code","detail"} into the report, and a line for people. */
void mover_refuse(struct mover *m, const char *key, struct text value, const struct err *why);

/* package.c: the whole of one package. */
int mover_take(struct mover *m, struct mover_package *p, struct err *err);
/* Is the tarball what its manifest's dist says? */
int mover_check_promise(struct pool *pool, const struct json *manifest, struct text tarball,
                        struct err *err);

/* The commands. */
int import_verdaccio(struct ask *ask, struct err *err);
int import_registry(struct ask *ask, struct err *err);
int export_packages(struct ask *ask, struct err *err);
int import_end_tokens(struct ask *ask, struct err *err);
