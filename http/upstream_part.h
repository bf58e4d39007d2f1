/*
 * What upstream.c (connections, heads, deadlines) and upstream_body.c (taking the body) share.
 */
#pragma once

#include "http/upstream.h"

#define UPSTREAM_BUCKETS 256
#define UPSTREAM_MAX_CHUNKS 4

struct upstream_target {
    struct upstream_target *next; /* in its bucket */
    char *instance;
    char *socket;
    h2o_linklist_t idle; /* oldest first */
    size_t n_idle, n_calls;
};

struct upstream_conn {
    h2o_linklist_t link; /* while idle */
    h2o_socket_t *sock;
    struct upstream *upstream;
    struct upstream_target *target;
    struct upstream_call *call; /* NULL while idle */
    h2o_timeout_entry_t timer;
    bool reused;  /* has carried an exchange before this one */
    bool tainted; /* will not carry another */
};

struct upstream {
    h2o_loop_t *loop;
    h2o_timeout_t head_timeout, slow_timeout, stall_timeout, idle_timeout;
    struct chunk_pool chunks;
    struct upstream_target *targets[UPSTREAM_BUCKETS];
};

/* The call gives up its connection, which is kept for others or closed. */
void upstream_call_leave(struct upstream_call *call, bool keep);
/* Reads on after a pause. */
void upstream_resume(struct upstream_call *call);
