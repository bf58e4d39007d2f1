/*
 * The tenants area: instances, their flows, stacks, the keeper. Opened by the roof, which hands in
 * what it stands on and ties it to the other areas. Knows nothing of packages or of how a theme is
 * made.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct account;
struct broker_client;
struct db;
struct err;
struct events;
struct hosts;
struct http_server;
struct json_writer;
struct keeper;
struct lane;
struct operations;
struct pool;
struct router;
struct seal;
struct store;

struct tenants_config {
    const char *data_dir;
    const char *stacks_dir;
    const char *domain;          /* of the platform */
    const char *instance_domain; /* of the instances' host names */
    const char *public_url;      /* no trailing slash */
    struct text carrier_ca;      /* PEM: what is trusted inside for an https public_url; or empty */
    const char *default_stack;   /* "node-red@5" */
    const char *plugins;         /* hash of the plugins folder that new starts use */
    int64_t start_deadline_ms;   /* from start to the editor's first answer */
    int64_t memory_bytes;        /* default limits of a new instance */
    int64_t cpu_percent;
    int64_t pids;
    unsigned starts_at_once; /* 0: one per core */

    struct db *control;
    struct seal *seal;
    struct account *account;
    struct hosts *hosts;
    struct events *events;
    struct operations *operations;
    int broker_fd; /* the server's end of the broker's socket */

    /* A public package's tarball through the uplink, verified against integrity: an open file. */
    void *public_arg;
    int (*public_tarball)(void *arg, struct pool *pool, struct text name, struct text version,
                          struct text integrity, int *fd, struct err *err);

    /* The theme of a tenant, from the themes area: the object of docs/runtime.md, and the CSS of
     * typed tokens for waiting pages (static for the call's pool). */
    void *theme_arg;
    int (*theme_json)(void *arg, struct pool *pool, const char *tenant, const char *title,
                      struct text *json, struct err *err);
    int (*theme_look)(void *arg, struct pool *pool, const char *tenant, struct text *css,
                      struct err *err);
};

/* The area, as its own files see it. */
struct tenants {
    struct tenants_config config;
    struct store *store;
    struct keeper *keeper;
    struct lane *lane;          /* the keeper's database work */
    struct lane *stack_lane;    /* installs stacks, one at a time */
    struct http_server *server; /* set by tenants_start */
};

struct tenants *tenants_open(const struct tenants_config *config, struct err *err);
int tenants_routes(struct tenants *tenants, struct router *router, struct err *err);
/* Starts the keeper, which adopts what runs and starts what should. */
int tenants_start(struct tenants *tenants, struct http_server *server, struct err *err);
/* Ends the keeper. stop_instances: stops them first (Ctrl-C); they come back with the next start.
 */
void tenants_stop(struct tenants *tenants, bool stop_instances);
void tenants_close(struct tenants *tenants);

/* Checkpoints tenants' files that went quiet; from a timer's thread. */
void tenants_quiet(struct tenants *tenants);
/* A tenant's theme changed: its runtimes read it again. */
void tenants_theme_changed(struct tenants *tenants, const char *tenant);
/* How many instances a tenant has; deleting a tenant needs 0. */
int tenants_count_instances(struct tenants *tenants, const char *tenant, int64_t *n,
                            struct err *err);
/* Host and port of the public URL, as the carrier inside a sandbox plays them. */
void tenants_public_address(const char *url, char *host, size_t n, int32_t *port);
