/*
 * Listeners, loops, lanes, TLS, the access log, graceful stop. The only folder that sees h2o.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct account;
struct err;
struct hosts;
struct idempotency;
struct http_server;
struct router;

struct http_config {
    const char *listen;          /* "127.0.0.1:8080", "[::]:443"; several separated by commas */
    const char *domain;          /* "localhost" */
    const char *instance_domain; /* usually the same */
    const char *public_url;      /* "http://localhost:8080", no trailing slash */
    const char *cookie_name;     /* "redhouse_ab12" */
    const char *token_prefix;    /* "rh": of our tokens; NULL: that */
    const char *spool_dir;       /* large bodies */
    const char *tls_dir;         /* NAME.pem + NAME.key by SNI name, "default.pem"; NULL: plain */
    const char *carrier_tls_dir; /* as tls_dir, of carriers, which take plain HTTP as well */
    const char *access_log;      /* file; NULL: none */
    const char *trusted_proxies; /* addresses whose X-Forwarded-* counts; NULL: none */
    unsigned loops;              /* 0: one per core */
    unsigned workers;            /* quick lane; 0: 4 per core */
    size_t max_connections;
    size_t max_spool_bytes; /* sum of bodies under way */
    int64_t wait_ms;        /* how long a request waits for a starting instance */
    int64_t head_ms;        /* a request's head may take from its first byte; 0: 10 s */
    int64_t idle_ms;        /* a connection may be idle between requests; 0: 60 s */
    int64_t stall_ms;       /* a body, or an answer, may make no progress; 0: 30 s */
    struct router *router;
    struct account *account;
    struct hosts *hosts;
    /* Bearers below /npm/ that are none of ours but may count: told on a loop, made a token of ours
     * on the password lane. NULL: none do. */
    bool (*knows_foreign)(void *arg, struct text token);
    int (*take_foreign)(void *arg, struct pool *pool, struct text token, struct text peer,
                        struct err *err);
    void *foreign_arg;
    struct idempotency *idempotency; /* NULL: Idempotency-Key is not honoured */
};

/* Binds and starts all threads. "port_taken" names the port. */
struct http_server *http_server_start(const struct http_config *config, struct err *err);
/* The port really bound (for ":0"). */
int http_server_port(const struct http_server *server);
/* One more listener: a Unix socket whose requests have FACE_CARRIER for that instance. Any thread;
 * replaces a left-over socket file. */
int http_server_carrier_open(struct http_server *server, const char *path, const char *instance,
                             struct err *err);
void http_server_carrier_close(struct http_server *server, const char *instance);
/* The admin socket: requests carry the rights of an admin (peer uid 0 or the server's, and the
 * secret in "x-redhouse-secret"). */
int http_server_admin_open(struct http_server *server, const char *path, const char *secret,
                           struct err *err);
/* Closes tunnels, idle connections and pooled upstreams of an instance (removed, stopped). */
void http_server_close_instance(struct http_server *server, const char *instance);
/* Reads the TLS files again. */
int http_server_reload(struct http_server *server, struct err *err);
/* Stops accepting, finishes what is under way until the deadline, then cuts. Joins and frees. */
void http_server_stop(struct http_server *server, int64_t deadline_ms);
