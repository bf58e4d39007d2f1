/*
 * One HTTP loop's state, inside http/ only: the h2o context of this thread and what hangs on it.
 * Created and used on its own thread (contexts made elsewhere corrupt the heap in libh2o 2.2.5).
 */
#pragma once

#include <stdbool.h>

#include <h2o.h>
#include <pthread.h>
#include <stdatomic.h>

struct http_server;
struct log_ring;
struct proxy_loop;

struct http_loop {
    struct http_server *server;
    unsigned index;
    h2o_context_t ctx;        /* ctx.loop is the evloop, ctx.queue takes messages */
    struct proxy_loop *proxy; /* upstream connections, tunnels and waiting requests of this loop */
    /* below: the server's own */
    pthread_t thread;
    h2o_multithread_receiver_t inbox;
    h2o_linklist_t doors;      /* listeners, struct door */
    h2o_linklist_t handshakes; /* TLS connections that are not yet HTTP */
    h2o_linklist_t streams;    /* open ones, struct stream */
    size_t n_conns;            /* accepted and not closed, tunnels included */
    size_t n_lingering;
    size_t n_running;          /* requests that a worker has */
    size_t spooled;            /* bytes of bodies under way, as last swept */
    h2o_timeout_t heartbeat;   /* of streams, struct stream */
    h2o_timeout_entry_t sweep; /* every 100 ms while there are connections */
    unsigned sweeps;
    uint64_t id_base, id_next; /* request ids */
    struct log_ring *log;      /* NULL: no access log */
    bool draining;             /* stop was asked for: no new connections, idle ones close */
    bool cut;                  /* the deadline is over */
    atomic_bool up;
};

/* Runs fn(loop, arg) on the loop's thread, in the order posted. Any thread. */
void http_loop_post(struct http_loop *loop, void (*fn)(struct http_loop *loop, void *arg),
                    void *arg);

/* The same without an allocation: the message is embedded in what it is about, which stays until fn
 * is called; not sent again before. */
struct http_message {
    h2o_multithread_message_t super;
    void (*fn)(struct http_loop *loop, void *arg);
    void *arg;
};
void http_loop_send(struct http_loop *loop, struct http_message *message);

/* Creates loop, context and inbox on the calling thread. */
void http_loop_open(struct http_loop *loop, h2o_globalconf_t *conf);
/* Monotonic enough: the loop's cached wall clock in ms. */
static inline uint64_t http_loop_now(const struct http_loop *loop)
{
    return h2o_now(loop->ctx.loop);
}
static inline struct http_loop *http_loop_of(const h2o_req_t *req)
{
    return H2O_STRUCT_FROM_MEMBER(struct http_loop, ctx, req->conn->ctx);
}
