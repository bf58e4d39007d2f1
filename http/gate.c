#include "http/access.h"
#include "http/door.h"
#include "http/head.h"
#include "http/hosts.h"
#include "http/peers.h"
#include "http/proxy.h"
#include "http/request.h"
#include "http/send.h"
#include "http/server_part.h"

#include "core/codec.h"

/* Where a request goes once it may. */
enum verdict { VERDICT_ANSWERED, VERDICT_ROUTE, VERDICT_INSTANCE };

static enum verdict refuse(struct request *r, int status, const char *code, const char *sentence)
{
    struct err err;
    err_set(&err, ERR_INVALID, code, "%s", sentence);
    answer_fail(&r->call, status, &err);
    return VERDICT_ANSWERED;
}

/* What is malformed may have been cut wrongly: nothing after it on this connection is trusted. */
static enum verdict refuse_form(struct request *r, const struct err *err)
{
    call_fail(&r->call, err);
    r->answer.close = true;
    return VERDICT_ANSWERED;
}

static bool is_once(const h2o_header_t *h)
{
    const h2o_iovec_t *name = h->name;
    return name == &H2O_TOKEN_AUTHORIZATION->buf || name == &H2O_TOKEN_CONTENT_TYPE->buf ||
           name == &H2O_TOKEN_CONTENT_ENCODING->buf ||
           h2o_memis(name->base, name->len, H2O_STRLIT("origin"));
}

static int check_repeats(const h2o_headers_t *headers, struct err *err)
{
    for (size_t i = 0; i < headers->size; i++) {
        if (!is_once(&headers->entries[i]))
            continue;
        const h2o_iovec_t *name = headers->entries[i].name;
        for (size_t k = i + 1; k < headers->size; k++) {
            const h2o_iovec_t *other = headers->entries[k].name;
            if (h2o_memis(name->base, name->len, other->base, other->len))
                return err_set(err, ERR_INVALID, "bad_header", "The header %.*s comes twice.",
                               (int)name->len, name->base);
        }
    }
    return 0;
}

/* The head still lies at the front of the connection's buffer, before the body. */
static int check_form(struct request *r, struct head *head, struct text *name, struct err *err)
{
    const h2o_buffer_t *input = r->conn->sock->input;
    if (head_check_line(r->call.method, r->call.raw_path, err) != 0 ||
        head_scan(text_n(input->bytes, input->size), head, err) != 0)
        return -1;
    if (head_host(r->call.pool, head->host, &r->call.host, name, err) != 0)
        return -1;
    return check_repeats(r->headers, err);
}

static void find_client(struct request *r)
{
    struct call *c = &r->call;
    struct text client = c->peer;
    if (peers_has(r->loop->server->trusted, c->peer))
        client = peers_client(r->loop->server->trusted, c->peer, call_header(c, "x-forwarded-for"));
    if (client.base == c->peer.base)
        return;
    c->peer = client;
    *h2o_req_getenv(r->req, H2O_STRLIT(PROXY_PEER_ENV), 1) =
        h2o_iovec_init(client.base, client.len);
}

/* NULL, and answered, when nobody lives there. */
static const struct host_entry *find_entry(struct request *r, struct text name)
{
    const struct http_server *server = r->loop->server;
    const struct host_entry *entry = hosts_find(r->hosts, name);
    if (entry != NULL)
        return entry;
    struct text rest = text_sub(name, text_find(name, '.', 0) + 1, SIZE_MAX);
    if (text_has(name, '.') && text_eq(rest, server->instance_domain)) {
        refuse(r, 404, "no_instance", "There is no instance at this address.");
        return NULL;
    }
    struct err err;
    err_set(&err, ERR_INVALID, "unknown_host", "This server does not serve this host. It is at %s.",
            server->config.public_url);
    answer_fail(&r->call, 421, &err);
    return NULL;
}

/* 0, and answered, when there is none. */
static enum face find_face(struct request *r, struct text name)
{
    const struct http_server *server = r->loop->server;
    const struct door *door = r->conn->door;
    r->hosts = hosts_take(server->config.hosts);
    if (door->kind == DOOR_CARRIER) {
        r->call.instance = hosts_find_instance(r->hosts, text_of(door->instance));
        return FACE_CARRIER;
    }
    if (door->kind == DOOR_ADMIN || text_eq(name, server->domain))
        return FACE_PLATFORM;
    r->call.instance = find_entry(r, name);
    return r->call.instance != NULL ? r->call.instance->face : (enum face)0;
}

static bool is_for_instance(enum face face, struct text path)
{
    return (face == FACE_EDITOR || face == FACE_APP) && !text_starts(path, "/.redhouse/") &&
           !text_is(path, "/.redhouse");
}

static size_t body_limit(const struct route *route)
{
    if (route == NULL)
        return HTTP_PROXY_MAX_BODY;
    return route->max_body != 0 ? route->max_body : HTTP_DEFAULT_MAX_BODY;
}

static enum verdict too_large(struct request *r)
{
    struct err err;
    err_set(&err, ERR_TOO_LARGE, "body_too_large",
            "The request's body is larger than the %zu kB that are allowed here.",
            body_limit(r->call.route) / 1024);
    call_fail(&r->call, &err);
    return VERDICT_ANSWERED;
}

static enum verdict judge_route(struct request *r, enum face face)
{
    struct call *c = &r->call;
    struct text raw = c->path;
    if (text_has(raw, '%') && !percent_decode(c->pool, raw, false, &c->path)) {
        c->path = raw;
        return refuse(r, 400, "bad_path", "The path's percent escapes are malformed.");
    }
    switch (router_match(r->loop->server->config.router, face, c->method, raw, c)) {
    case ROUTE_NO_PATH:
        return refuse(r, 404, "not_found", "There is nothing at this address.");
    case ROUTE_NO_METHOD:
        answer_set(c, "allow", router_allow(c));
        return refuse(r, 405, "bad_method", "This method is not for this address.");
    case ROUTE_FOUND:
        break;
    }
    if (!credential_find(r) || !credential_judge(r))
        return VERDICT_ANSWERED;
    return VERDICT_ROUTE;
}

static enum verdict judge(struct request *r, struct head *head, size_t *max_body)
{
    struct err err;
    struct text name;
    /* no answer would arrive, and who gets none asks again */
    if (r->conn->cut) {
        r->answer.close = true;
        return refuse(r, 503, "closing", "The connection is at its end. Ask again.");
    }
    if (check_form(r, head, &name, &err) != 0)
        return refuse_form(r, &err);
    find_client(r);
    enum face face = find_face(r, name);
    if (face == 0)
        return VERDICT_ANSWERED;
    if (is_for_instance(face, r->call.path)) {
        *max_body = body_limit(NULL);
        return credential_find_for_instance(r) ? VERDICT_INSTANCE : VERDICT_ANSWERED;
    }
    enum verdict verdict = judge_route(r, face);
    if (verdict == VERDICT_ROUTE)
        *max_body = body_limit(r->call.route);
    return verdict;
}

static void pass_on(struct request *r)
{
    proxy_handle(r->loop->proxy, r->req, r->call.instance, r->hosts, &r->identity,
                 r->call.accounts);
    request_free(r);
}

static void run(struct request *r)
{
    const struct route *route = r->call.route;
    request_bind(r);
    if (r->foreign.base == NULL && route->ready != NULL && route->ready(&r->call)) {
        request_send(r);
        return;
    }
    send_release(&r->answer);
    r->answer = (struct answer){0};
    request_run(r);
}

int gate_on_req(h2o_handler_t *self, h2o_req_t *req)
{
    struct request *r = request_new(http_loop_of(req), req);
    struct head head;
    size_t max_body = 0;
    r->conn->n_requests++;
    enum verdict verdict = judge(r, &head, &max_body);
    if (verdict != VERDICT_ANSWERED && r->call.body.len > max_body)
        verdict = too_large(r);
    access_note(req, text_of(r->identity.name), text_of(r->call.id), r->call.peer);
    switch (verdict) {
    case VERDICT_ANSWERED:
        request_bind(r);
        request_send(r);
        break;
    case VERDICT_ROUTE:
        run(r);
        break;
    case VERDICT_INSTANCE:
        pass_on(r);
        break;
    }
    return 0;
}

bool gate_early(struct request *r, size_t room, size_t *max_body)
{
    struct head head;
    enum verdict verdict = judge(r, &head, max_body);

    if (verdict == VERDICT_ANSWERED)
        return false;
    size_t declared = head.content_length > 0 ? (size_t)head.content_length : 0;
    if (declared > *max_body)
        gate_too_large(r);
    else if (declared > room)
        gate_no_room(r);
    return !r->call.answered;
}

void gate_too_large(struct request *r)
{
    (void)too_large(r);
}

void gate_no_room(struct request *r)
{
    struct err err;
    err_set(&err, ERR_UNAVAILABLE, "spool_full",
            "Too many large uploads are under way. Try again in a minute.");
    answer_set(&r->call, "retry-after", TEXT("60"));
    call_fail(&r->call, &err);
}
