#include "http/tunnel.h"

#include "http/bearer.h"
#include "http/exchange.h"
#include "http/frames.h"

#include "core/clock.h"
#include "core/pool.h"

#include <errno.h>
#include <h2o/http1.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDLE_MS 600000
#define SWEEP_EVERY 10 /* seconds */

struct tunnel {
    h2o_linklist_t link;
    struct proxy_loop *proxy;
    h2o_socket_t *client; /* NULL until libh2o handed it over */
    h2o_socket_t *instance;
    struct chunk *up, *down; /* under way towards the instance, towards the client */
    bool closing;            /* while libh2o still has the client */
    char *host, *id, *tenant;
    enum face face;
    struct host_activity *activity;
    struct bearer bearer;
    struct frames frames;
    int64_t moved_ms;
};

static struct chunk_pool *chunks(struct tunnel *t)
{
    return upstream_chunks(t->proxy->upstream);
}

static void tunnel_free(struct tunnel *t)
{
    h2o_linklist_unlink(&t->link);
    t->proxy->n_tunnels--;
    atomic_fetch_sub_explicit(&t->activity->sockets, 1, memory_order_relaxed);
    host_activity_drop(t->activity);
    chunk_free(chunks(t), t->up);
    chunk_free(chunks(t), t->down);
    bearer_release(&t->bearer);
    free(t->host);
    free(t->id);
    free(t->tenant);
    free(t);
}

static void tunnel_close(struct tunnel *t)
{
    if (t->instance != NULL)
        h2o_socket_close(t->instance);
    t->instance = NULL;
    if (t->client == NULL) {
        t->closing = true;
        return;
    }
    h2o_socket_close(t->client);
    tunnel_free(t);
}

static void on_client(h2o_socket_t *sock, const char *err);
static void on_instance(h2o_socket_t *sock, const char *err);

static void moved(struct tunnel *t)
{
    t->moved_ms = clock_mono_ms();
}

static void from_client(struct tunnel *t, struct text bytes)
{
    moved(t);
    if (frames_person(&t->frames, bytes))
        atomic_store_explicit(&t->activity->last_ms, t->moved_ms, memory_order_relaxed);
}

/* One bounded read into a fresh chunk; NULL: nothing there, or *end. */
static struct chunk *read_chunk(struct tunnel *t, h2o_socket_t *sock, bool *end)
{
    struct chunk *chunk = chunk_new(chunks(t));
    ssize_t n = read(h2o_socket_get_fd(sock), chunk->bytes, CHUNK_BYTES);

    *end = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    if (n > 0) {
        chunk->end = (size_t)n;
        return chunk;
    }
    chunk_free(chunks(t), chunk);
    return NULL;
}

static void on_up_written(h2o_socket_t *sock, const char *err)
{
    struct tunnel *t = sock->data;

    if (err != NULL) {
        tunnel_close(t);
        return;
    }
    moved(t);
    chunk_free(chunks(t), t->up);
    t->up = NULL;
    h2o_socket_read_start(t->client, on_client);
}

static void on_down_written(h2o_socket_t *sock, const char *err)
{
    struct tunnel *t = sock->data;

    if (err != NULL) {
        tunnel_close(t);
        return;
    }
    moved(t);
    chunk_free(chunks(t), t->down);
    t->down = NULL;
    h2o_socket_read_start(t->instance, on_instance);
}

static void on_input_written(h2o_socket_t *sock, const char *err);

/* What libh2o has read from the client: all of it under TLS, what came with the request without. */
static void send_input(struct tunnel *t)
{
    h2o_iovec_t bytes = h2o_iovec_init(t->client->input->bytes, t->client->input->size);

    h2o_socket_read_stop(t->client);
    from_client(t, text_n(bytes.base, bytes.len));
    h2o_socket_write(t->instance, &bytes, 1, on_input_written);
}

static void on_input_written(h2o_socket_t *sock, const char *err)
{
    struct tunnel *t = sock->data;

    if (err != NULL) {
        tunnel_close(t);
        return;
    }
    moved(t);
    h2o_buffer_consume(&t->client->input, t->client->input->size);
    h2o_socket_read_start(t->client, on_client);
}

static void on_client(h2o_socket_t *sock, const char *err)
{
    struct tunnel *t = sock->data;
    h2o_iovec_t bytes;
    bool end = err != NULL;

    if (!end && sock->ssl != NULL) {
        if (sock->input->size > 0)
            send_input(t);
        return;
    }
    if (!end)
        t->up = read_chunk(t, sock, &end);
    if (end) {
        tunnel_close(t);
        return;
    }
    if (t->up == NULL)
        return;
    h2o_socket_read_stop(sock);
    bytes = h2o_iovec_init(t->up->bytes, t->up->end);
    from_client(t, text_n(bytes.base, bytes.len));
    h2o_socket_write(t->instance, &bytes, 1, on_up_written);
}

static void on_instance(h2o_socket_t *sock, const char *err)
{
    struct tunnel *t = sock->data;
    h2o_iovec_t bytes;
    bool end;

    t->down = read_chunk(t, sock, &end);
    if (end) {
        tunnel_close(t);
        return;
    }
    if (t->down == NULL)
        return;
    moved(t);
    h2o_socket_read_stop(sock);
    bytes = h2o_iovec_init(t->down->bytes, t->down->end);
    h2o_socket_write(t->client, &bytes, 1, on_down_written);
}

/* libh2o has sent the 101 and lets go of the client's connection; the request is gone. */
static void on_handed_over(void *data, h2o_socket_t *sock, size_t request_bytes)
{
    struct tunnel *t = data;

    if (sock == NULL) {
        if (t->instance != NULL)
            h2o_socket_close(t->instance);
        tunnel_free(t);
        return;
    }
    t->client = sock;
    sock->data = t;
    chunk_free(chunks(t), t->down);
    t->down = NULL;
    if (t->closing) {
        tunnel_close(t);
        return;
    }
    h2o_buffer_consume(&sock->input, request_bytes);
    h2o_socket_dont_read(sock, sock->ssl == NULL);
    h2o_socket_read_start(t->instance, on_instance);
    if (sock->input->size > 0)
        send_input(t);
    else
        h2o_socket_read_start(sock, on_client);
}

void tunnel_begin(struct exchange *x, const struct h1_head *head)
{
    struct tunnel *t = xcalloc(1, sizeof(*t));
    h2o_req_t *req = x->req;
    h2o_iovec_t early = {NULL, 0};

    t->proxy = x->proxy;
    t->instance = upstream_detach(&x->call, &t->down);
    t->instance->data = t;
    t->host = xstrdup(x->host);
    t->id = xstrdup(x->instance);
    t->tenant = xstrdup(x->tenant);
    t->face = x->face;
    t->activity = host_activity_hold(x->activity);
    exchange_bearer(x, &t->bearer);
    moved(t);
    atomic_fetch_add_explicit(&t->activity->sockets, 1, memory_order_relaxed);
    h2o_linklist_insert(&t->proxy->tunnels, &t->link);
    t->proxy->n_tunnels++;
    exchange_forget_who(x);
    exchange_set_status(x, head);
    exchange_copy_headers(x, head);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_UPGRADE, NULL, H2O_STRLIT("websocket"));
    if (t->down != NULL)
        early = h2o_iovec_init(t->down->bytes + t->down->start, t->down->end - t->down->start);
    h2o_http1_upgrade(req, &early, t->down != NULL ? 1 : 0, on_handed_over, t);
}

void tunnel_close_instance(struct proxy_loop *proxy, const char *instance)
{
    h2o_linklist_t *next;

    for (h2o_linklist_t *l = proxy->tunnels.next; l != &proxy->tunnels; l = next) {
        struct tunnel *t = H2O_STRUCT_FROM_MEMBER(struct tunnel, link, l);
        next = l->next;
        if (instance == NULL || strcmp(instance, t->id) == 0)
            tunnel_close(t);
    }
}

void tunnel_close_ended(struct proxy_loop *proxy, const char *user)
{
    h2o_linklist_t *next;

    for (h2o_linklist_t *l = proxy->tunnels.next; l != &proxy->tunnels; l = next) {
        struct tunnel *t = H2O_STRUCT_FROM_MEMBER(struct tunnel, link, l);
        next = l->next;
        if (t->bearer.user == NULL || (user != NULL && strcmp(user, t->bearer.user) != 0))
            continue;
        if (!bearer_holds(&t->bearer, proxy->config.account, t->tenant, t->host, t->face))
            tunnel_close(t);
    }
}

static void on_sweep(h2o_timeout_entry_t *entry)
{
    struct proxy_loop *proxy = H2O_STRUCT_FROM_MEMBER(struct proxy_loop, tunnel_tick, entry);
    int64_t now = clock_mono_ms();
    h2o_linklist_t *next;

    h2o_timeout_link(proxy->loop->ctx.loop, &proxy->loop->ctx.one_sec_timeout, entry);
    if (++proxy->tunnel_ticks % SWEEP_EVERY != 0)
        return;
    for (h2o_linklist_t *l = proxy->tunnels.next; l != &proxy->tunnels; l = next) {
        struct tunnel *t = H2O_STRUCT_FROM_MEMBER(struct tunnel, link, l);
        next = l->next;
        if (now - t->moved_ms > IDLE_MS)
            tunnel_close(t);
    }
}

void tunnel_init(struct proxy_loop *proxy)
{
    h2o_linklist_init_anchor(&proxy->tunnels);
    proxy->tunnel_tick.cb = on_sweep;
    h2o_timeout_link(proxy->loop->ctx.loop, &proxy->loop->ctx.one_sec_timeout, &proxy->tunnel_tick);
}
