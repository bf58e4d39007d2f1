/*
 * The keeper: one thread that owns every instance's state machine and timers and makes the world
 * match the rows. It never waits: a driver slot or a database job starts work and reports its end
 * as a message. It publishes the host map. It alone starts, stops and restarts instances.
 */
#pragma once

#include "core/text.h"

struct broker_client;
struct driver;
struct err;
struct keeper;
struct tenants;

/* Loads the rows, takes over what the driver finds running, then runs on a thread of its own. */
struct keeper *keeper_start(struct tenants *tenants, struct err *err);
/* Joins. stop_instances: stops all first (their rows keep the wish to run), at most 25 s. */
void keeper_stop(struct keeper *keeper, bool stop_instances);

enum keeper_poke { POKE_ROW, POKE_RESTART, POKE_WANTED };
/* The row of `instance` changed, a restart was asked for, or a request came for it. operation (may
 * be NULL) is ended when the instance has got there. Any thread. */
void keeper_poke(struct keeper *keeper, const char *instance, enum keeper_poke poke,
                 const char *operation);
/* The theme of a tenant changed: its runtimes and waiting pages take the new one. Any thread. */
void keeper_theme_changed(struct keeper *keeper, const char *tenant);
/* The broker, for jobs: broker_client_call from any thread but the keeper's. */
struct broker_client *keeper_broker(struct keeper *keeper);
