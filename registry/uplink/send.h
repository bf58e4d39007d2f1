/*
 * One question to one uplink: its credentials to its own origin and nowhere else, redirects judged
 * one by one, its breaker, its proxy and authorities. Nothing of a client's request is known here,
 * so nothing of it can be sent on. Blocking: workers only.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct err;
struct fetch_reply;
struct pool;
struct uplink;
struct uplinks;

struct uplink_question {
    const char *url;
    struct text accept;          /* absent: none */
    struct text etag;            /* for If-None-Match; absent: none */
    struct text range, if_range; /* "bytes=17-"; absent: none */
    int64_t deadline_at;         /* clock_mono_ms */
    size_t max_bytes;
    bool gzip;
    /* As in core/fetch.h; also gets the bodies of redirects and refusals: looks at the status. */
    int (*sink)(void *arg, const struct fetch_reply *so_far, struct text bytes, struct err *err);
    void *sink_arg;
};

/* An answer that says something about what was asked (200, 206, 304, 404 …) is a success. What says
 * that the uplink is not well (no answer, 408, 429, 5xx) is ERR_UPSTREAM or ERR_TIMEOUT, counted by
 * the breaker, *rest_ms then what Retry-After asked for; a breaker that is open ERR_UNAVAILABLE
 * "uplink_resting"; a redirect that may not be followed ERR_UPSTREAM "upstream_redirect" or
 * "upstream_private"; ourselves ERR_UPSTREAM "uplink_loop". */
int uplink_send(struct uplinks *uplinks, const struct uplink *uplink,
                const struct uplink_question *question, struct pool *pool,
                struct fetch_reply *reply, int64_t *rest_ms, struct err *err);
/* Is another try worth it after this failure? */
bool uplink_may_try_again(const struct err *err);
/* Waits before try n (from 1), as long as the uplink asked for if it did. False: there is no time
 * for that before the deadline, or the server stops. */
bool uplink_wait(struct uplinks *uplinks, unsigned n, int64_t rest_ms, int64_t deadline_at);
