/* What the files of this folder share. Not for others: they include uplinks.h. */
#pragma once

#include "core/snapshot.h"
#include "registry/uplink/uplink.h"
#include "registry/uplink/uplinks.h"

#include <stdatomic.h>

struct fetch_reply;
struct flights;
struct lane;

struct uplink_breaker { /* outlives the row that it is of */
    char *name;
    struct breaker *breaker;
};

struct uplinks {
    struct uplinks_config config; /* texts owned */
    char via[40];                 /* "1.1 redhouse-0123456789abcdef": tells ourselves from others */
    struct snapshot_slot table;
    pthread_mutex_t lock; /* one reload at a time; guards breakers */
    struct uplink_breaker *breakers;
    size_t n_breakers;
    struct flights *flights;
    struct lane *lane; /* what is stale is fetched anew here */
    atomic_bool closing;
    atomic_bool stored; /* something was, since the ceiling was looked at */
};

/* The current table: drop it. */
struct uplink_table *uplinks_table(struct uplinks *uplinks);
struct breaker *uplinks_breaker(struct uplinks *uplinks, struct text name);
struct text uplink_secret_purpose(struct pool *pool, const char *name);
struct text uplink_proxy_purpose(struct pool *pool, const char *name);

const char *uplink_document_url(const struct uplink *u, struct pool *pool, struct text name);

/* The full document that is kept of an uplink, whatever is known of it; -1: none. */
int uplinks_kept_document(struct uplinks *uplinks, struct pool *pool, const char *uplink,
                          struct text name, struct text *doc);

/* A whole file as a view that lives as long as the pool. */
int uplink_map(struct pool *pool, int fd, uint64_t bytes, struct text *out, struct err *err);

/* Is nothing to go out to this uplink? Then what is not here gets this error (ERR_NOT_FOUND
 * "offline"). */
bool uplink_is_offline(const struct uplink *uplink, struct text what, struct err *err);
