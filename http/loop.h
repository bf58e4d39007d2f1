/*
 * One HTTP loop's state, inside http/ only: the h2o context of this thread and what hangs on it.
 * Created and used on its own thread (contexts made elsewhere corrupt the heap in libh2o 2.2.5).
 */
#pragma once

#include <h2o.h>

struct http_server;
struct proxy_loop;

struct http_loop {
    struct http_server *server;
    unsigned index;
    h2o_context_t ctx;        /* ctx.loop is the evloop, ctx.queue takes messages */
    struct proxy_loop *proxy; /* upstream connections, tunnels and waiting requests of this loop */
};

/* Runs fn(loop, arg) on the loop's thread. Any thread. */
void http_loop_post(struct http_loop *loop, void (*fn)(struct http_loop *loop, void *arg),
                    void *arg);
