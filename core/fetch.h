/*
 * All outgoing HTTP, Unix sockets included: one thread with curl_multi (libcurl). Every request has
 * a ceiling and a deadline; redirects are followed only as told, and each address is checked anew.
 * No header of a client of ours is ever forwarded.
 */
#pragma once

#include "core/buf.h"
#include "core/text.h"

#include <stdatomic.h>

struct err;
struct fetch_reply;
struct fetcher;
struct pool;

struct fetch_options { /* of the fetcher, from the option table; NULL: none */
    const char *ca_file;
    const char *proxy;
    const char *user_agent;
    unsigned max_parallel; /* in all; the rest waits */
};
struct fetcher *fetcher_new(const struct fetch_options *options, struct err *err);
/* Aborts what is under way; what comes is refused as when stopping. fetcher_stop is still due. */
void fetcher_abort(struct fetcher *fetcher);
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
    int64_t deadline_ms; /* of the whole exchange, waiting for a turn included; required */
    int64_t connect_ms;  /* 0: 5 s */
    int64_t stall_ms;    /* no byte for so long ends it; 0: 30 s */
    size_t max_bytes;    /* of the answer's body, required */
    int body_fd;         /* >0: the answer's body goes there instead of into memory */
    /* Not NULL: the body goes there instead, piece by piece, on the fetcher's thread, which must
     * not be held up; so_far has the status and the headers. -1 with err ends the exchange. */
    int (*sink)(void *arg, const struct fetch_reply *so_far, struct text bytes, struct err *err);
    void *sink_arg;
    bool gzip;              /* asks for it and unpacks it; max_bytes is of what was unpacked */
    unsigned max_redirects; /* of GET, HEAD and POST, which turns into GET at 301 to 303; 0, and of
                               other methods: 3xx is an answer like another */
    bool refuse_private;    /* no loopback, link-local, private or unique-local address, checked
                               after resolution and pinned (SSRF); never through a proxy */
    const char *proxy;      /* instead of the fetcher's; "": none; NULL: the fetcher's */
    const char *no_proxy;   /* hosts that are reached without it, separated by commas; NULL: none */
    struct text ca_pem;     /* trusted instead of the fetcher's ca_file; absent: none */
    const atomic_bool *cancelled; /* once true the exchange ends within a second, as "stopping" */
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
/* Does the address name a private place by itself: localhost or a private IP address? For where a
 * proxy resolves names, so that nothing else can be judged. */
bool fetch_names_private(const char *url);
/* What Retry-After asks for, in seconds or as a date; 0: nothing, at most a day. */
int64_t fetch_retry_after_ms(const struct fetch_reply *reply);
struct text fetch_header(const struct fetch_reply *reply, const char *name);
