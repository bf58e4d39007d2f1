/*
 * One request on its way to an instance and back. proxy.c judges it, waiting.c holds it while the
 * instance starts, forward.c writes what the instance gets, exchange.c streams the answer, tunnel.c
 * takes over when it becomes a WebSocket. An exchange lives in its request's pool; all on the
 * loop's thread.
 */
#pragma once

#include "http/account.h"
#include "http/bearer.h"
#include "http/client.h"
#include "http/hosts.h"
#include "http/loop.h"
#include "http/proxy.h"
#include "http/upstream.h"

struct identity_cache;

struct proxy_loop {
    struct http_loop *loop;
    struct proxy_config config;
    struct text scheme, cookie_name, token_prefix;
    struct upstream *upstream;
    struct identity_cache *identities;
    struct client_table clients;
    h2o_linklist_t exchanges; /* of struct exchange, all that are open */
    h2o_linklist_t waiters;   /* of struct exchange.waiting */
    h2o_linklist_t tunnels;
    size_t n_exchanges, n_waiters, n_tunnels;
    h2o_timeout_entry_t waiting_tick, tunnel_tick;
    unsigned tunnel_ticks;
};

struct exchange {
    h2o_generator_t generator; /* first: libh2o hands it back */
    struct upstream_call call;
    struct proxy_loop *proxy;
    h2o_req_t *req;
    h2o_linklist_t link;
    /* copies, because the host map may be replaced meanwhile */
    const char *host, *instance, *tenant;
    enum face face;
    struct host_activity *activity;
    struct identity who; /* until the answer begins, as long as accounts is held */
    struct snapshot *accounts;
    bool upgrade; /* a WebSocket is asked for */
    /* of the identity it was forwarded with */
    const char *user, *permissions; /* NULL: without */
    bool token;
    /* the answer */
    bool sending; /* a send is under way */
    bool started; /* the answer has begun */
    bool chunked; /* the client gets chunks of ours */
    char size_line[24];
    h2o_compress_context_t *gzip;
    /* waiting */
    h2o_linklist_t waiting;
    bool unreachable; /* runs, but nobody listens */
    unsigned asked;   /* 1 + the state in which it was last said to be wanted; 0: not yet */
    int64_t page_at_ms, until_ms; /* monotonic; 0: not yet set */
};

/* proxy.c: decides by the instance's state what happens now; what to do when an instance failed to
 * answer. */
void exchange_judge(struct exchange *x, const struct host_entry *entry);
void exchange_fail(struct exchange *x, enum upstream_fault fault);
/* forward.c: what the instance is sent, into x->call. False: the request cannot be forwarded. */
bool exchange_head(struct exchange *x, const struct host_entry *entry);
/* forward.c: by what right it was forwarded; release with bearer_release. */
void exchange_bearer(const struct exchange *x, struct bearer *bearer);
/* exchange.c: in the request's pool, counted and listed until the request is disposed of. */
struct exchange *exchange_new(struct proxy_loop *proxy, h2o_req_t *req,
                              const struct host_entry *entry, const struct identity *who);
/* Lets go of who asks: nothing more is decided by it. */
void exchange_forget_who(struct exchange *x);
/* The answer's head from an instance's: status and the headers that may pass. */
void exchange_set_status(struct exchange *x, const struct h1_head *head);
void exchange_copy_headers(struct exchange *x, const struct h1_head *head);
/* Cuts an answer off that has begun: the client sees a broken connection. */
void exchange_cut(struct exchange *x);
/* The client has gone: nothing more is asked of the instance, and the connection ends. */
void exchange_abandon(struct exchange *x);
