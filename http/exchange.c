/*
 * Streams an instance's answer to the client: the head with what may pass, the body as it comes,
 * one write for both where both are there, and never more taken from the instance than the client
 * takes from us.
 */
#include "http/exchange.h"
#include "http/page.h"
#include "http/relay.h"
#include "http/tunnel.h"
#include "http/waiting.h"

#include <stdio.h>
#include <sys/socket.h>

#define MAX_VIEWS 32
#define GZIP_QUALITY 1
#define GZIP_MIN 1024

static const struct upstream_events events;

static void pump(struct exchange *x);

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req);
static void on_stop(h2o_generator_t *generator, h2o_req_t *req);

static struct text of_iovec(h2o_iovec_t v)
{
    return text_n(v.base, v.len);
}

static void on_dispose(void *p)
{
    struct exchange *x = p;

    client_unwatch(x);
    upstream_close(&x->call);
    waiting_leave(x);
    exchange_forget_who(x);
    h2o_linklist_unlink(&x->link);
    x->proxy->n_exchanges--;
    atomic_fetch_sub_explicit(&x->activity->requests, 1, memory_order_relaxed);
    host_activity_drop(x->activity);
}

void exchange_forget_who(struct exchange *x)
{
    snapshot_drop(x->accounts);
    x->accounts = NULL;
    x->who = (struct identity){0};
}

struct exchange *exchange_new(struct proxy_loop *proxy, h2o_req_t *req,
                              const struct host_entry *entry, const struct identity *who)
{
    struct exchange *x = h2o_mem_alloc_shared(&req->pool, sizeof(*x), on_dispose);

    memset(x, 0, sizeof(*x));
    x->generator = (h2o_generator_t){on_proceed, on_stop};
    x->call.events = &events;
    x->call.pool = &req->pool;
    x->proxy = proxy;
    x->req = req;
    x->host = h2o_strdup(&req->pool, entry->host, SIZE_MAX).base;
    x->instance = h2o_strdup(&req->pool, entry->instance, SIZE_MAX).base;
    x->tenant = h2o_strdup(&req->pool, entry->tenant, SIZE_MAX).base;
    x->face = entry->face;
    x->activity = host_activity_hold(entry->activity);
    x->who = *who;
    x->upgrade = req->version == 0x101 && req->upgrade.base != NULL && req->entity.len == 0 &&
                 text_eq_nocase(of_iovec(req->upgrade), TEXT("websocket")) &&
                 text_is(of_iovec(req->input.method), "GET");
    atomic_fetch_add_explicit(&x->activity->requests, 1, memory_order_relaxed);
    h2o_linklist_insert(&proxy->exchanges, &x->link);
    proxy->n_exchanges++;
    client_watch(x);
    return x;
}

static bool is_packable_type(struct text type)
{
    static const struct text types[] = {
        TEXT("text/html"),        TEXT("text/css"),      TEXT("application/javascript"),
        TEXT("text/javascript"),  TEXT("image/svg+xml"), TEXT("application/json"),
        TEXT("application/wasm"),
    };

    type = text_trim(text_sub(type, 0, text_find(type, ';', 0)));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (text_eq_nocase(type, types[i]))
            return true;
    }
    return false;
}

static struct text find_header(const struct h1_head *head, const char *name)
{
    size_t i = h1_head_find(head, name, 0);

    return i < head->n_headers ? head->headers[i].value : TEXT_NONE;
}

/* The editor's 10 MB of assets leave Node-RED as they are. */
static bool may_pack(const struct exchange *x, const struct h1_head *head)
{
    h2o_req_t *req = x->req;

    if (x->face != FACE_EDITOR || head->status != 200 || req->version != 0x101 ||
        x->call.framing == H1_NO_BODY || (head->has_length && head->length < GZIP_MIN) ||
        !text_is(of_iovec(req->input.method), "GET") ||
        (h2o_get_compressible_types(&req->headers) & H2O_COMPRESSIBLE_GZIP) == 0)
        return false;
    return is_packable_type(find_header(head, "content-type")) &&
           find_header(head, "content-encoding").base == NULL &&
           !h1_list_has(find_header(head, "cache-control"), TEXT("no-transform"));
}

static void add_header(h2o_req_t *req, struct text name, struct text value)
{
    char lower[64];
    const h2o_token_t *token = NULL;

    if (name.len < sizeof(lower)) {
        memcpy(lower, name.base, name.len);
        h2o_strtolower(lower, name.len);
        token = h2o_lookup_token(lower, name.len);
    }
    if (token != NULL) {
        h2o_add_header(&req->pool, &req->res.headers, token, name.base, value.base, value.len);
        return;
    }
    h2o_iovec_t copy = h2o_strdup(&req->pool, name.base, name.len);
    h2o_strtolower(copy.base, copy.len);
    h2o_add_header_by_str(&req->pool, &req->res.headers, copy.base, copy.len, 0, name.base,
                          value.base, value.len);
}

/* What packing changes: a strong tag would name bytes that are not these. */
static bool add_packed(struct exchange *x, struct text name, struct text value)
{
    if (text_eq_nocase(name, TEXT("accept-ranges")) || text_eq_nocase(name, TEXT("vary")))
        return true;
    if (!text_eq_nocase(name, TEXT("etag")) || text_starts(value, "W/"))
        return false;
    h2o_iovec_t weak = h2o_concat(&x->req->pool, h2o_iovec_init(H2O_STRLIT("W/")),
                                  h2o_iovec_init(value.base, value.len));
    add_header(x->req, name, of_iovec(weak));
    return true;
}

static void add_vary(struct exchange *x, const struct h1_head *head)
{
    h2o_mem_pool_t *pool = &x->req->pool;
    struct text vary = find_header(head, "vary");
    h2o_iovec_t value = h2o_iovec_init(H2O_STRLIT("Accept-Encoding"));

    if (vary.len > 0 && !h1_list_has(vary, TEXT("accept-encoding")))
        value = h2o_concat(pool, h2o_iovec_init(vary.base, vary.len),
                           h2o_iovec_init(H2O_STRLIT(", ")), value);
    else if (vary.len > 0)
        value = h2o_iovec_init(vary.base, vary.len);
    add_header(x->req, TEXT("Vary"), of_iovec(value));
    add_header(x->req, TEXT("Content-Encoding"), TEXT("gzip"));
}

void exchange_copy_headers(struct exchange *x, const struct h1_head *head)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        struct text name = head->headers[i].name, value = head->headers[i].value;
        if (relay_response_drops(name) || h1_head_names(head, name))
            continue;
        if (text_eq_nocase(name, TEXT("set-cookie")) &&
            !relay_set_cookie_passes(value, x->proxy->cookie_name))
            continue;
        if (x->gzip != NULL && add_packed(x, name, value))
            continue;
        add_header(x->req, name, value);
    }
}

void exchange_set_status(struct exchange *x, const struct h1_head *head)
{
    char *reason = h2o_strdup(&x->req->pool, head->reason.base, head->reason.len).base;

    x->req->res.status = head->status;
    x->req->res.reason = reason;
}

static void on_head(struct upstream_call *call, const struct h1_head *head)
{
    struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, call, call);
    h2o_req_t *req = x->req;
    unsigned persistent = req->http1_is_persistent;
    bool no_body = call->framing == H1_NO_BODY;

    exchange_forget_who(x);
    exchange_set_status(x, head);
    if (may_pack(x, head)) {
        x->gzip = h2o_compress_gzip_open(&req->pool, GZIP_QUALITY);
        add_vary(x, head);
    }
    exchange_copy_headers(x, head);
    if (head->has_length && head->status != 204 && x->gzip == NULL)
        req->res.content_length = (size_t)head->length;
    x->chunked = !no_body && req->res.content_length == SIZE_MAX && req->version == 0x101;
    if (x->chunked)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_TRANSFER_ENCODING, NULL,
                       H2O_STRLIT("chunked"));
    else if (!no_body && req->res.content_length == SIZE_MAX)
        persistent = 0;
    req->compress_hint = H2O_COMPRESS_HINT_DISABLE;
    h2o_start_response(req, &x->generator);
    /* libh2o knows chunks for status 200 only and would close after others; these are ours */
    req->http1_is_persistent = persistent & 1;
}

static void on_body(struct upstream_call *call)
{
    struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, call, call);

    if (x->sending && call->broken)
        exchange_cut(x);
    else if (!x->sending)
        pump(x);
}

/* Packs a run; n becomes 0 when nothing came out yet. */
static h2o_iovec_t *pack(struct exchange *x, h2o_iovec_t *in, size_t *n, enum upstream_body state)
{
    h2o_iovec_t *out;
    size_t kept = 0;

    if (state == UPSTREAM_BROKEN)
        *n = 0;
    if (state != UPSTREAM_DONE && *n == 0)
        return in;
    x->gzip->transform(x->gzip, in, *n,
                       state == UPSTREAM_DONE ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS,
                       &out, n);
    for (size_t i = 0; i < *n; i++) {
        if (out[i].len > 0)
            out[kept++] = out[i];
    }
    *n = kept;
    return out;
}

/* Puts the client's framing around a run; out has room for n + 2. */
static size_t frame(struct exchange *x, h2o_iovec_t *out, const h2o_iovec_t *run, size_t n,
                    enum upstream_body state)
{
    size_t bytes = 0, count = 0;

    for (size_t i = 0; i < n; i++)
        bytes += run[i].len;
    if (!x->chunked) {
        memcpy(out, run, n * sizeof(*run));
        return n;
    }
    if (bytes > 0) {
        int len = snprintf(x->size_line, sizeof(x->size_line), "%zx\r\n", bytes);
        out[count++] = h2o_iovec_init(x->size_line, (size_t)len);
        memcpy(out + count, run, n * sizeof(*run));
        count += n;
    }
    if (bytes > 0 && state == UPSTREAM_DONE)
        out[count++] = h2o_iovec_init(H2O_STRLIT("\r\n0\r\n\r\n"));
    else if (bytes > 0)
        out[count++] = h2o_iovec_init(H2O_STRLIT("\r\n"));
    else if (state == UPSTREAM_DONE)
        out[count++] = h2o_iovec_init(H2O_STRLIT("0\r\n\r\n"));
    return count;
}

/* A client of HTTP/1.0 sees a body end where the connection does: a reset tells that it was cut. */
static void reset_on_close(struct exchange *x)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    h2o_socket_t *sock = x->req->conn->callbacks->get_socket(x->req->conn);

    setsockopt(h2o_socket_get_fd(sock), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void pump(struct exchange *x)
{
    h2o_iovec_t taken[MAX_VIEWS], out[MAX_VIEWS + 2], *run = taken;
    h2o_send_state_t how = H2O_SEND_STATE_IN_PROGRESS;
    enum upstream_body state;
    size_t n;

    state = upstream_take(&x->call, taken, x->gzip != NULL ? 1 : MAX_VIEWS, &n);
    if (x->gzip != NULL)
        run = pack(x, taken, &n, state);
    if (n == 0 && state == UPSTREAM_OPEN && x->started) {
        upstream_sent(&x->call);
        return;
    }
    n = frame(x, out, run, n, state);
    if (state == UPSTREAM_DONE)
        how = H2O_SEND_STATE_FINAL;
    if (state == UPSTREAM_BROKEN) {
        how = H2O_SEND_STATE_ERROR;
        if (!x->chunked && x->req->res.content_length == SIZE_MAX)
            reset_on_close(x);
    }
    x->started = true;
    x->sending = true;
    h2o_send(x->req, out, n, how);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct exchange *x = (struct exchange *)generator;

    x->sending = false;
    upstream_sent(&x->call);
    pump(x);
}

static void on_stop(h2o_generator_t *generator, h2o_req_t *req)
{
    upstream_close(&((struct exchange *)generator)->call);
}

void exchange_cut(struct exchange *x)
{
    h2o_socket_t *sock = x->req->conn->callbacks->get_socket(x->req->conn);

    if (!x->started || x->call.ended)
        return;
    upstream_close(&x->call);
    /* should the write under way still succeed, the next run finds the answer broken */
    x->call.broken = true;
    if (x->sending) {
        shutdown(h2o_socket_get_fd(sock), SHUT_RDWR);
        return;
    }
    reset_on_close(x);
    h2o_send(x->req, NULL, 0, H2O_SEND_STATE_ERROR);
}

void exchange_abandon(struct exchange *x)
{
    h2o_req_t *req = x->req;
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);

    if (x->started) {
        exchange_cut(x);
        return;
    }
    if (x->call.conn == NULL && !h2o_linklist_is_linked(&x->waiting))
        return;
    waiting_leave(x);
    upstream_close(&x->call);
    shutdown(h2o_socket_get_fd(sock), SHUT_RDWR);
    req->http1_is_persistent = 0;
    req->res.status = 499;
    req->res.reason = "Client Closed Request";
    req->res.content_length = 0;
    h2o_start_response(req, &x->generator);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void on_fail(struct upstream_call *call, enum upstream_fault fault)
{
    exchange_fail(H2O_STRUCT_FROM_MEMBER(struct exchange, call, call), fault);
}

static void on_upgrade(struct upstream_call *call, const struct h1_head *head)
{
    tunnel_begin(H2O_STRUCT_FROM_MEMBER(struct exchange, call, call), head);
}

static const struct upstream_events events = {on_head, on_body, on_upgrade, on_fail};
