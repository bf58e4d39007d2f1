/*
 * The themes area: rows and files, CSS for editors and for pages, routes. The roof tells tenants
 * what changed.
 */
#pragma once

#include "core/text.h"

struct account;
struct blobs;
struct db;
struct err;
struct hosts;
struct pool;
struct ready;
struct router;

struct themes_config {
    struct db *control;
    struct blobs *blobs;
    struct account *account;
    struct hosts *hosts; /* whose tenant's look a login on the way to a host wears */
    struct ready *ready; /* finished style sheets; keys begin with "theme:" */
    const char *name;    /* of the platform, shown where no theme has a title */
    void *arg;
    /* After a change is on disk. tenant NULL: the platform's, which all inherit. */
    void (*changed)(void *arg, const char *tenant);
};

struct themes;
struct themes *themes_open(const struct themes_config *config, struct err *err);
int themes_routes(struct themes *themes, struct router *router, struct err *err);
void themes_close(struct themes *themes);

/* What a runtime is told (docs/runtime.md): tenant id; title stands in for a missing page title. */
int themes_runtime_json(struct themes *themes, struct pool *pool, const char *tenant,
                        const char *title, struct text *json, struct err *err);
/* CSS variables of typed tokens only: safe on the platform's own origin. tenant NULL: the platform.
 */
int themes_look(struct themes *themes, struct pool *pool, const char *tenant, struct text *css,
                struct err *err);
