/*
 * Which pre-releases of a tenant's packages stay: the newest of each package, and those younger
 * than so many days; with both rules what either keeps. Never removed is what a dist-tag names and
 * what an instance has or will have after its next start. What goes leaves a tombstone, as with
 * unpublish. Runs once a day, for one tenant after the other.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct db_conn;
struct err;
struct pool;
struct registry;
struct stock_run;

struct retention {
    int64_t keep, days; /* -1: the rule does not count; both: all stay */
};
int retention_read(struct db_conn *conn, struct pool *pool, const char *tenant,
                   struct retention *out, struct err *err);
int retention_set(struct db_conn *conn, const char *tenant, const struct retention *rule,
                  const char *by, struct err *err);
/* A version that the rule lets go. */
struct retention_item {
    struct text package, version;
    int64_t bytes, published_ms;
    struct retention_item *next;
};
/* By package, oldest first; at most `most`. */
int retention_find(struct registry *registry, struct pool *pool, const char *tenant, unsigned most,
                   struct retention_item **out, struct err *err);
/* The run of registry/stock: removes what retention_find finds, or only reports it. */
int retention_run(struct stock_run *run, struct err *err);
