/*
 * All outgoing HTTP, Unix sockets included: one thread with curl_multi (libcurl). Every request has
 * a ceiling and a deadline; redirects are followed only as told, and each address is checked anew.
 * No header of a client of ours is ever forwarded.
 */
#pragma once

#include "core/buf.h"
#include "core/text.h"

struct err;
struct fetcher;
struct pool;

struct fetch_options { /* of the fetcher, from the option table; NULL: none */
    const char *ca_file;
    const char *proxy;
    const char *user_agent;
    unsigned max_parallel; /* in all; the rest waits */
};
struct fetcher *fetcher_new(const struct fetch_options *options, struct err *err);
/* Aborts what is under way, waits until its callers have left, joins, frees. */
void fetcher_stop(struct fetcher *fetcher);

struct fetch_header {
    struct text name, value;
};

struct fetch_request {
    const char *method; /* NULL: GET */
    const char *url;
    const char *unix_socket; /* NULL: TCP */
    const struct fetch_header *headers;
    size_t n_headers;
    struct text body;
    int64_t deadline_ms;    /* of the whole exchange, waiting for a turn included; required */
    int64_t connect_ms;     /* 0: 5 s */
    int64_t stall_ms;       /* no byte for so long ends it; 0: 30 s */
    size_t max_bytes;       /* of the answer's body, required */
    int body_fd;            /* >0: the answer's body goes there instead of into memory */
    unsigned max_redirects; /* of GET, HEAD and POST, which turns into GET at 301 to 303; 0, and of
                               other methods: 3xx is an answer like another */
    bool refuse_private;    /* no loopback, link-local, private or unique-local address, checked
                               after resolution and pinned (SSRF); never through a proxy */
};

struct fetch_reply {
    int status;
    struct text body; /* in the pool */
    uint64_t body_bytes;
    struct fetch_header *headers; /* of the final answer, names lower case */
    size_t n_headers;
};

/* Blocks the calling worker. Failing to get an answer is ERR_UPSTREAM ("upstream_unreachable",
 * "upstream_tls", "upstream_too_large" also of headers, "upstream_private"), ERR_TIMEOUT or, when
 * the fetcher stops, ERR_UNAVAILABLE "stopping"; a body_fd that takes no more is told as itself, a
 * malformed method or header (line breaks) is ERR_INVALID. Any status is a success. */
int fetch(struct fetcher *fetcher, const struct fetch_request *request, struct pool *pool,
          struct fetch_reply *reply, struct err *err);
struct text fetch_header(const struct fetch_reply *reply, const char *name);
