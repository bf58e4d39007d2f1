/*
 * The reverse proxy in front of instances, inside http/ only: decides identity, forwards, tunnels,
 * and lets requests for a starting instance wait. Our own upstream client on h2o_socket_t; all
 * calls on the loop's thread.
 */
#pragma once

#include <h2o.h>
#include <stdint.h>

struct account;
struct host_entry;
struct hosts;
struct http_loop;
struct identity;
struct snapshot;

struct proxy_config {
    const char *scheme;       /* "http" or "https": of the public URL */
    const char *cookie_name;  /* ours: removed towards instances, refused from them */
    const char *token_prefix; /* "rh": a bearer "rh_…" is ours and is removed */
    int64_t wait_ms;          /* how long a request waits for a starting instance */
    struct hosts *hosts;
    struct account
        *account; /* judges again when rights end; NULL: everything of that user is closed */
};

/* Environment name of a request (h2o_req_getenv) for the client's address as a trusted proxy told
 * it; without it the connection's own peer is what the instance hears. */
#define PROXY_PEER_ENV "redhouse.peer"

struct proxy_loop *proxy_loop_new(struct http_loop *loop, const struct proxy_config *config);
/* Owns the request from here on. entry belongs to hosts and who's texts to accounts; the proxy
 * copies or holds what it needs longer. The request was validated (method, target, headers, Host).
 */
void proxy_handle(struct proxy_loop *proxy, h2o_req_t *req, const struct host_entry *entry,
                  struct snapshot *hosts, const struct identity *who, struct snapshot *accounts);
/* The host map was replaced: judges waiting requests again. */
void proxy_hosts_changed(struct proxy_loop *proxy);
/* Closes tunnels, idle and waiting connections of an instance (NULL: of all, when draining). */
void proxy_close_instance(struct proxy_loop *proxy, const char *instance);
/* Closes the tunnels and streams that a user (NULL: anybody) opened and no longer has a right to.
 */
void proxy_close_ended(struct proxy_loop *proxy, const char *user);
/* Requests, tunnels and waiters that are open: 0 means drained. */
size_t proxy_busy(const struct proxy_loop *proxy);
