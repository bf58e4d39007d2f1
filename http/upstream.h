/*
 * The client side of the proxy: one exchange at a time on a connection to an instance's Unix
 * socket, with connections kept for the next one. Reads are bounded (an answer waits in at most 256
 * KiB until it was taken), answers are parsed strictly, every wait has a deadline. Knows nothing of
 * who asks or of what headers may pass. All on the loop's thread; callbacks never come from inside
 * upstream_start.
 */
#pragma once

#include "http/chunk.h"
#include "http/h1parse.h"

#include <h2o.h>

struct upstream;
struct upstream_call;
struct upstream_conn;
struct upstream_target;

enum upstream_fault {
    UPSTREAM_OK,
    UPSTREAM_REFUSED, /* nobody listens; nothing was sent */
    UPSTREAM_BUSY,    /* too many exchanges with that instance; nothing was sent */
    UPSTREAM_CLOSED,  /* went away before an answer */
    UPSTREAM_BAD,     /* what it sent is not HTTP */
    UPSTREAM_TIMEOUT,
};

enum upstream_body { UPSTREAM_OPEN, UPSTREAM_DONE, UPSTREAM_BROKEN };

struct upstream_events {
    /* The final head. Its views live in the call's pool. */
    void (*on_head)(struct upstream_call *call, const struct h1_head *head);
    /* After on_head: there may be more to take, or an end. The call may be closed inside. */
    void (*on_body)(struct upstream_call *call);
    /* 101 to a call with upgrade set: upstream_detach it now. */
    void (*on_upgrade)(struct upstream_call *call, const struct h1_head *head);
    /* No head will come. The call may be closed or started again inside. */
    void (*on_fail)(struct upstream_call *call, enum upstream_fault fault);
};

/* One exchange; embedded and zeroed by the caller. */
struct upstream_call {
    const struct upstream_events *events;
    h2o_mem_pool_t *pool; /* outlives the call */
    h2o_iovec_t out[2];   /* head and body; must live until upstream_close */
    size_t n_out;
    bool head_only;  /* HEAD */
    bool idempotent; /* may be sent a second time when a kept connection turns out dead */
    bool upgrade;    /* asks for a WebSocket: a connection of its own */
    bool slow;       /* may take minutes to answer */
    /* below: not written by callers */
    bool retried, head_done, eof, broken, paused, ended;
    unsigned informational;
    enum h1_framing framing;
    uint64_t left;
    struct h1_chunks chunks;
    size_t seen;
    struct upstream *upstream;
    struct upstream_target *target;
    struct upstream_conn *conn;
    struct chunk *first, *cursor, *last;
    size_t n_chunks;
    h2o_timeout_entry_t timer;
};

/* The deadlines are h2o timers of the loop and live as long as it. */
struct upstream *upstream_new(h2o_loop_t *loop);
struct chunk_pool *upstream_chunks(struct upstream *upstream);
/* Sends the call to the instance that listens at socket (a path). Not UPSTREAM_OK: nothing was
 * begun. */
enum upstream_fault upstream_start(struct upstream *upstream, struct upstream_call *call,
                                   const char *instance, const char *socket);
/* The next run of body: up to max views, valid until upstream_sent or upstream_close. Nothing may
 * be taken while an earlier run is not sent. *n may be 0 with every result. */
enum upstream_body upstream_take(struct upstream_call *call, h2o_iovec_t *out, size_t max,
                                 size_t *n);
void upstream_sent(struct upstream_call *call);
/* Inside on_upgrade: the connection becomes the caller's, with what arrived behind the head in
 * *early (NULL if nothing; the caller's to chunk_free). Not reading. */
h2o_socket_t *upstream_detach(struct upstream_call *call, struct chunk **early);
/* Ends the call wherever it stands; again is fine. */
void upstream_close(struct upstream_call *call);
/* Closes the kept connections of an instance (NULL: of all). */
void upstream_close_idle(struct upstream *upstream, const char *instance);
/* Kept connections, for tests and counters. */
size_t upstream_idle(const struct upstream *upstream);
