/*
 * What the files of the server share. Inside http/ only.
 */
#pragma once

#include "core/lane.h"
#include "http/loop.h"
#include "http/route.h"
#include "http/server.h"

#define HTTP_MAX_LISTENERS 16
/* What may be sent to an instance, whose own limits are its own affair. */
#define HTTP_PROXY_MAX_BODY ((size_t)128 << 20)
/* base64 in JSON of a 100 MB tarball is 134 MB. */
#define HTTP_MAX_BODY ((size_t)160 << 20)
#define HTTP_DEFAULT_MAX_BODY 65536

struct access_log;
struct peers;
struct tls;

struct http_server {
    struct http_config config; /* texts in pool */
    struct pool *pool;
    struct text scheme; /* "http" or "https", of the public URL */
    struct text domain, instance_domain;
    const char *token_start; /* "rh_": a token of ours */
    h2o_globalconf_t conf;
    h2o_hostconf_t *host;
    struct lane *lanes[LANE_COUNT];
    struct http_loop *loops;
    unsigned n_loops;
    int fds[HTTP_MAX_LISTENERS]; /* first loop's; the others bind their own */
    unsigned n_fds;
    int port;
    atomic_size_t n_conns;
    atomic_size_t spooled;
    struct tls *tls, *carrier_tls; /* NULL: plain */
    struct peers *trusted;
    struct access_log *log;
    char *admin_path;
    char *admin_secret;
    pthread_mutex_t lock; /* carriers */
    struct carrier *carriers;
    unsigned next_carrier;
    atomic_bool stopping;
    int64_t stop_at_ms; /* monotonic */
    pthread_barrier_t started;
    struct http_server *next_retired;
};
