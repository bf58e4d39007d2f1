#include "http/watch.h"

#include "http/access.h"
#include "http/door.h"
#include "http/linger.h"
#include "http/request.h"
#include "http/server_part.h"
#include "http/stream_part.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#define FEW 2000     /* connections that are all looked at each time */
#define EVERY 5      /* sweeps otherwise */
#define EARLY_MAX 32 /* early judgements a sweep; the others have to wait for the next */
#define CROWDED_IDLE_MS 5000
#define SLOW_MS 60000   /* after this long a body must have averaged */
#define SLOW_BYTES 4096 /* this much a second */

struct sweep {
    struct http_loop *loop;
    uint64_t now;
    size_t spooled;
    h2o_req_t *early[EARLY_MAX]; /* bodies that have just begun, or grown too large */
    unsigned n_early;
    h2o_req_t *newest; /* the large body that began last */
    uint64_t newest_at;
    uint64_t head_ms, idle_ms, stall_ms;
};

static enum conn_phase phase_of(const h2o_req_t *req, const struct conn *conn)
{
    if (req->processed_at.at.tv_sec != 0)
        return CONN_BUSY;
    if (req->version != 0)
        return CONN_BODY;
    return conn->sock->input->size > 0 ? CONN_HEAD : CONN_IDLE;
}

static void note_phase(struct conn *conn, enum conn_phase phase, uint64_t now)
{
    if (conn->phase == phase && conn->seen_requests == conn->n_requests)
        return;
    conn->phase = phase;
    conn->seen_requests = conn->n_requests;
    conn->since = conn->seen_at = now;
    conn->seen = 0;
    conn->max_body = 0;
}

/* False when nothing has moved for too long. */
static bool is_moving(const struct sweep *sweep, struct conn *conn, uint64_t at)
{
    if (at != conn->seen) {
        conn->seen = at;
        conn->seen_at = sweep->now;
    }
    return sweep->now - conn->seen_at < sweep->stall_ms;
}

static void look_at_body(struct sweep *sweep, h2o_req_t *req, struct conn *conn)
{
    const h2o_buffer_t *input = conn->sock->input;
    uint64_t age = sweep->now - conn->since;
    bool slow = age > SLOW_MS && input->size < age / 1000 * SLOW_BYTES;
    sweep->spooled += input->capacity;
    if (!is_moving(sweep, conn, input->size) || slow) {
        conn_cut(conn);
        return;
    }
    /* "100 Continue" may be on its way: a connection has one write at a time */
    bool due = conn->max_body == 0 || input->size > conn->max_body + HTTP_DEFAULT_MAX_BODY;
    if (due && !h2o_socket_is_writing(conn->sock) && sweep->n_early < EARLY_MAX)
        sweep->early[sweep->n_early++] = req;
    if (input->capacity > (1 << 20) && conn->since >= sweep->newest_at) {
        sweep->newest = req;
        sweep->newest_at = conn->since;
    }
}

/* A client that does not read holds the answer's memory. */
static void look_at_answer(struct sweep *sweep, struct conn *conn)
{
    int unsent = 0;
    if (conn->sock->input->capacity > HTTP_DEFAULT_MAX_BODY)
        sweep->spooled += conn->sock->input->capacity;
    if (!h2o_socket_is_writing(conn->sock)) {
        conn->seen_at = sweep->now;
        return;
    }
    (void)ioctl(h2o_socket_get_fd(conn->sock), SIOCOUTQ, &unsent);
    if (!is_moving(sweep, conn, conn->sock->bytes_written * 2 + (uint64_t)unsent))
        conn_cut(conn);
}

static int look(h2o_req_t *req, void *arg)
{
    struct sweep *sweep = arg;
    struct conn *conn = conn_of(req);
    if (conn->cut)
        return 0;
    enum conn_phase phase = phase_of(req, conn);
    note_phase(conn, phase, sweep->now);
    uint64_t age = sweep->now - conn->since;
    switch (phase) {
    case CONN_IDLE:
        if (sweep->loop->draining || age > sweep->idle_ms)
            conn_cut_idle(conn);
        break;
    case CONN_HEAD:
        if (age > sweep->head_ms)
            conn_cut(conn);
        break;
    case CONN_BODY:
        look_at_body(sweep, req, conn);
        break;
    case CONN_BUSY:
        look_at_answer(sweep, conn);
        break;
    }
    return 0;
}

/* What libh2o does before a handler, for a request that it does not yet hand out. */
static void answer_early(struct request *r)
{
    h2o_req_t *req = r->req;
    h2o_hostconf_t *host = r->loop->server->host;
    h2o_socket_read_stop(r->conn->sock);
    h2o_get_timestamp(&r->loop->ctx, &req->pool, &req->processed_at);
    req->scheme = req->input.scheme;
    req->method = req->input.method;
    req->authority = req->input.authority;
    req->path = req->path_normalized = req->input.path;
    h2o_req_bind_conf(req, host, &host->fallback_path);
    r->conn->linger = linger_new(r->conn);
    r->answer.close = true;
    access_note(req, text_of(r->identity.name), text_of(r->call.id), r->call.peer);
    request_bind(r);
    request_send(r);
}

static size_t room_left(const struct http_server *server)
{
    size_t used = atomic_load_explicit(&server->spooled, memory_order_relaxed);
    return used < server->config.max_spool_bytes ? server->config.max_spool_bytes - used : 0;
}

static void judge_early(struct http_loop *loop, h2o_req_t *req)
{
    struct conn *conn = conn_of(req);
    struct request *r = request_new(loop, req);
    if (conn->max_body != 0)
        gate_too_large(r);
    else
        (void)gate_early(r, room_left(loop->server), &conn->max_body);
    if (r->call.answered)
        answer_early(r);
    else
        request_free(r);
}

static void make_room(struct sweep *sweep)
{
    struct http_server *server = sweep->loop->server;
    if (sweep->newest == NULL || room_left(server) > 0)
        return;
    struct conn *conn = conn_of(sweep->newest);
    if (phase_of(sweep->newest, conn) != CONN_BODY || h2o_socket_is_writing(conn->sock))
        return;
    struct request *r = request_new(sweep->loop, sweep->newest);
    gate_no_room(r);
    answer_early(r);
}

static void run(struct http_loop *loop)
{
    struct http_server *server = loop->server;
    struct sweep sweep = {.loop = loop,
                          .now = http_loop_now(loop),
                          .head_ms = (uint64_t)server->config.head_ms,
                          .idle_ms = (uint64_t)server->config.idle_ms,
                          .stall_ms = (uint64_t)server->config.stall_ms};
    if (sweep.idle_ms > CROWDED_IDLE_MS &&
        atomic_load_explicit(&server->n_conns, memory_order_relaxed) >
            server->config.max_connections / 10 * 9)
        sweep.idle_ms = CROWDED_IDLE_MS;
    (void)server->conf.http1.callbacks.foreach_request(&loop->ctx, look, &sweep);
    atomic_fetch_add_explicit(&server->spooled, sweep.spooled - loop->spooled,
                              memory_order_relaxed);
    loop->spooled = sweep.spooled;
    for (unsigned i = 0; i < sweep.n_early; i++)
        judge_early(loop, sweep.early[i]);
    make_room(&sweep);
}

static void on_sweep(h2o_timeout_entry_t *entry)
{
    struct http_loop *loop = H2O_STRUCT_FROM_MEMBER(struct http_loop, sweep, entry);
    loop->sweeps++;
    if (loop->n_conns < FEW || loop->sweeps % EVERY == 0)
        run(loop);
    if (loop->sweeps % EVERY == 0)
        streams_sweep(loop);
    if (loop->n_conns > 0)
        h2o_timeout_link(loop->ctx.loop, &loop->ctx.hundred_ms_timeout, &loop->sweep);
}

void watch_start(struct http_loop *loop)
{
    if (h2o_timeout_is_linked(&loop->sweep))
        return;
    loop->sweep.cb = on_sweep;
    h2o_timeout_link(loop->ctx.loop, &loop->ctx.hundred_ms_timeout, &loop->sweep);
}
