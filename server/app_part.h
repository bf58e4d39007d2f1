/* What the application's files share. */
#pragma once

#include "core/err.h"
#include "core/pool.h"
#include "core/text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct app {
    struct pool *pool;
    const struct config *config;
    int broker_fd;
    const char *public_url, *spool, *cookie, *carrier_tls_dir;
    struct text carrier_ca;
    struct seal *seal;
    struct db *control;
    struct blobs *blobs;
    struct fetcher *fetcher;
    struct account *account;
    struct events *events;
    struct operations *operations;
    struct hosts *hosts;
    struct ready *ready;
    struct warm *warm;
    struct router *router;
    struct registry *registry;
    struct sources *sources;
    struct themes *themes;
    struct tenants *tenants;
    struct people *people;
    struct idempotency *idempotency;
    struct http_server *server;
    pthread_t housekeeper;
    atomic_bool stopping;
};

/* The platform's own routes: portal, events, platform object, OpenAPI. */
struct router;
int platform_routes(struct app *app, struct router *router, struct err *err);
/* Opens the areas, each with what it may know of the others (wire.c). */
int wire_areas(struct app *app, const char *plugins, struct err *err);
