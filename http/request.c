#include "http/request.h"

#include "http/door.h"
#include "http/idempotency.h"
#include "http/inflate.h"
#include "http/send.h"
#include "http/server_part.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/pool.h"

#include <stdlib.h>

static void next_id(struct http_loop *loop, char id[17])
{
    static const char hex[] = "0123456789abcdef";
    /* an odd factor keeps ids apart and makes neighbours look unlike */
    uint64_t n = loop->id_base + loop->id_next++ * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 16; i++)
        id[i] = hex[(n >> (60 - 4 * i)) & 15];
    id[16] = '\0';
}

struct request *request_new(struct http_loop *loop, h2o_req_t *req)
{
    struct pool *pool = pool_new();
    struct request *r = pool_zalloc(pool, sizeof(*r));
    struct call *c = &r->call;
    r->loop = loop;
    r->req = req;
    r->headers = &req->headers;
    r->conn = conn_of(req);
    c->pool = pool;
    c->http = r;
    c->method = text_n(req->input.method.base, req->input.method.len);
    c->raw_path = text_n(req->input.path.base, req->input.path.len);
    size_t query = text_find(c->raw_path, '?', 0);
    c->path = text_sub(c->raw_path, 0, query);
    c->query = query != SIZE_MAX ? text_sub(c->raw_path, query + 1, SIZE_MAX) : TEXT_NONE;
    c->body = text_n(req->entity.base, req->entity.len);
    c->peer = text_n(r->conn->peer, r->conn->peer_len);
    c->who = &r->identity;
    next_id(loop, c->id);
    return r;
}

void request_free(struct request *r)
{
    send_release(&r->answer);
    snapshot_drop(r->call.accounts);
    snapshot_drop(r->hosts);
    pool_free(r->call.pool);
}

struct binding {
    struct request *r;
};

static void on_gone(void *arg)
{
    struct request *r = ((struct binding *)arg)->r;
    r->req = NULL;
    if (!r->running)
        request_free(r);
}

void request_bind(struct request *r)
{
    struct binding *binding = h2o_mem_alloc_shared(&r->req->pool, sizeof(*binding), on_gone);
    binding->r = r;
    r->bound = true;
}

static void on_done(struct http_loop *loop, void *arg)
{
    struct request *r = arg;
    r->running = false;
    loop->n_running--;
    if (r->req == NULL)
        request_free(r);
    else
        request_send(r);
}

static void handle(struct request *r)
{
    struct call *c = &r->call;
    struct err err;
    if (r->foreign.base != NULL && !credential_settle(r))
        return;
    if (inflate_body(c, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    idempotency_run(r->loop->server->config.idempotency, c);
    if (c->answered)
        return;
    log_error("http", "a handler did not answer", "route=%s %s id=%s", c->route->method,
              c->route->path, c->id);
#ifndef NDEBUG
    abort();
#endif
    err_set(&err, ERR_INTERNAL, "internal", "The handler did not answer.");
    call_fail(c, &err);
}

static void on_worker(void *arg)
{
    struct request *r = arg;
    const struct http_server *server = r->loop->server;
    /* past the deadline of a stop nobody hears the answer */
    if (atomic_load(&server->stopping) && clock_mono_ms() >= server->stop_at_ms)
        (void)answer_begin(&r->call, 503);
    else
        handle(r);
    http_loop_send(r->loop, &r->done);
}

void request_run(struct request *r)
{
    struct call *c = &r->call;
    enum route_lane which = r->foreign.base != NULL     ? LANE_PASSWORD
                            : c->route->lane_of != NULL ? c->route->lane_of(c)
                                                        : c->route->lane;
    struct lane *lane = r->loop->server->lanes[which];
    c->peer = text_dup(c->pool, c->peer);
    r->done.fn = on_done;
    r->done.arg = r;
    r->running = true;
    r->loop->n_running++;
    if (lane_post(lane, on_worker, r))
        return;
    r->running = false;
    r->loop->n_running--;
    struct err err;
    err_set(&err, ERR_UNAVAILABLE, "busy", "The server is busy. Try again in a moment.");
    call_fail(c, &err);
    request_send(r);
}
