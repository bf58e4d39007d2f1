/*
 * The application: opens everything in order, registers the routes, ties the areas together, closes
 * in reverse. The only place that knows everybody.
 */
#pragma once

#include <stdbool.h>

struct app;
struct config;
struct db;
struct err;
struct router;

#define APP_TOKEN_PREFIX "rh"

/* DATA/redhouse.db with the migrations of all areas. */
struct db *app_control_open(const char *data, struct err *err);
/* broker_fd: the server's end of the broker's socket. plugins: the hash that plugins_unpack told.
 */
struct app *app_start(const struct config *config, int broker_fd, const char *plugins,
                      struct err *err);
int app_port(const struct app *app);
const char *app_public_url(const struct app *app);
/* Leaves instances running unless stop_instances. */
void app_stop(struct app *app, bool stop_instances);
int app_reload(struct app *app, struct err *err);
/* All route tables, for `redhouse routes`. */
struct router *app_routes(struct err *err);
