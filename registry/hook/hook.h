/*
 * Webhooks: addresses that are told what happens to packages. A delivery is a row that is written
 * in the transaction of the change itself, so that no change is untold, and is sent afterwards by
 * threads of their own, signed, again and again with growing pauses for a day. A receiver that
 * stays away is switched off. Addresses of private networks are refused unless the operator allows
 * them, redirects are not followed, and nothing of an answer but its status is kept.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct db;
struct db_conn;
struct err;
struct hooks;
struct pool;
struct registry;
struct seal;

enum hook_event {
    HOOK_PUBLISH,
    HOOK_UNPUBLISH,
    HOOK_DEPRECATE,
    HOOK_TAG,
    HOOK_STAGE,
    HOOK_OWNER,
    HOOK_EVENTS,
    HOOK_PING = HOOK_EVENTS, /* asked for by hand; nobody subscribes to it */
};
const char *hook_event_name(enum hook_event event);

#define HOOK_MOST 20                         /* of a tenant */
#define HOOK_WAITING_MOST 5000               /* of a hook; with more it is switched off */
#define HOOK_KEPT 200                        /* deliveries that ended, of a hook */
#define HOOK_OFF_MS (3 * 24 * 3600 * 1000ll) /* without a success */

struct hook_note {
    enum hook_event event;
    const char *tenant; /* id of whose package it is; NULL: the platform's scope */
    struct text package;
    struct text user; /* user name of who did it; absent: time did */
    /* what belongs to the event; absent is left out */
    struct text version;
    struct text integrity;
    struct text tag;
    struct text message; /* of a deprecation */
    struct text state;   /* of a stage: "staged", "approved", "rejected", "expired" */
    const struct text *tags, *owners;
    size_t n_tags, n_owners;
};
/* Inside the transaction of the change; hooks_wake when it is committed. */
int hook_note(struct registry *registry, struct db_conn *conn, struct pool *pool,
              const struct hook_note *note, struct err *err);
/* One delivery of this body to this hook, as hook_note makes it; id in the pool. */
int hook_deliver(struct db_conn *conn, struct pool *pool, struct text hook, const char *event,
                 struct text body, struct text *id, struct err *err);

struct hooks_config {
    struct db *control;
    struct seal *seal;
    const char *ca_file, *proxy; /* NULL: none; a proxy is used only with allow_private */
    bool allow_private;
    int64_t retry_ms; /* the first pause, doubled from time to time up to an hour; 0: 10 s */
};
/* Sends what waits, also from before. */
struct hooks *hooks_start(const struct hooks_config *config, struct err *err);
/* Aborts what is under way; it is sent again after the next start. NULL is fine. */
void hooks_stop(struct hooks *hooks);
/* After the commit of what may have made a delivery; does nothing while the last look (each second)
 * found no hook. NULL is fine. */
void hooks_wake(struct hooks *hooks);

/* "sha256=…" over TIMESTAMP.BODY */
struct text hook_signature(struct pool *pool, struct text secret, struct text timestamp,
                           struct text body);
struct text hook_purpose(struct pool *pool, struct text hook); /* what its secret is sealed for */
