/*
 * What an instance is sent for a request: the head with the client's headers that may pass and
 * those the proxy vouches for, and the body as it came.
 */
#include "http/exchange.h"
#include "http/identity.h"
#include "http/origin.h"
#include "http/relay.h"

#include "core/clock.h"
#include "core/pool.h"

#include <netdb.h>
#include <stdio.h>

/* Room for what the proxy adds besides host, address and identity. */
#define OWN_HEADERS 512

/* What one pass over the request's headers finds. */
struct facts {
    struct origin_facts origin;
    struct text cookie, authorization;
    struct text connection; /* the first Connection header that names more than the usual */
    size_t bytes;           /* of all header lines */
    bool valid;
};

static struct text of_iovec(h2o_iovec_t v)
{
    return text_n(v.base, v.len);
}

static void note(struct facts *facts, struct text *slot, struct text value)
{
    if (slot->base != NULL)
        facts->origin.repeated = true;
    *slot = value.base != NULL ? value : TEXT("");
}

static bool names_headers(struct text connection)
{
    struct text option;

    while (text_cut(&connection, ',', &option)) {
        option = text_trim(option);
        if (!text_eq_nocase(option, TEXT("close")) && !text_eq_nocase(option, TEXT("upgrade")) &&
            !text_eq_nocase(option, TEXT("keep-alive")))
            return true;
    }
    return false;
}

static void note_header(struct facts *facts, struct text name, struct text value)
{
    switch (name.len) {
    case 6:
        if (text_is(name, "origin"))
            note(facts, &facts->origin.origin, value);
        else if (text_is(name, "cookie"))
            facts->cookie = value;
        break;
    case 10:
        if (text_is(name, "connection") && names_headers(value))
            facts->connection = value;
        break;
    case 13:
        if (text_is(name, "authorization"))
            facts->authorization = value;
        break;
    case 14:
        if (text_is(name, "sec-fetch-site"))
            note(facts, &facts->origin.site, value);
        else if (text_is(name, "sec-fetch-mode"))
            note(facts, &facts->origin.mode, value);
        else if (text_is(name, "sec-fetch-dest"))
            note(facts, &facts->origin.dest, value);
        break;
    default:
        break;
    }
}

static void facts_of(struct facts *facts, const struct exchange *x)
{
    const h2o_req_t *req = x->req;

    *facts = (struct facts){.valid = true};
    facts->origin.scheme = x->proxy->scheme;
    facts->origin.host = of_iovec(req->input.authority);
    facts->origin.method = of_iovec(req->input.method);
    facts->origin.upgrade = x->upgrade;
    facts->origin.token = x->who.kind == IDENTITY_TOKEN;
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *h = &req->headers.entries[i];
        facts->bytes += h->name->len + h->value.len + 4;
        if (h->name->len == 0)
            facts->valid = false;
        note_header(facts, of_iovec(*h->name), of_iovec(h->value));
    }
}

/* The signed identity, absent when nobody is known or the request is foreign. */
static struct text identity_of(struct exchange *x, const struct facts *facts,
                               const struct host_entry *entry)
{
    const char *permissions = bearer_permissions(&x->who, x->tenant, x->face);
    struct identity_claim claim;

    x->user = x->permissions = NULL;
    if (permissions == NULL || origin_is_foreign(&facts->origin))
        return TEXT_NONE;
    x->user = h2o_strdup(&x->req->pool, x->who.user, SIZE_MAX).base;
    x->permissions = permissions;
    x->token = x->who.kind == IDENTITY_TOKEN;
    claim = (struct identity_claim){.instance = text_of(entry->instance),
                                    .user = text_of(x->who.name),
                                    .permissions = text_of(permissions),
                                    .name = text_of(x->who.name),
                                    .key = entry->key};
    return identity_cached(x->proxy->identities, &claim, clock_wall_ms());
}

static size_t peer_of(h2o_req_t *req, char out[NI_MAXHOST])
{
    h2o_iovec_t *told = h2o_req_getenv(req, H2O_STRLIT(PROXY_PEER_ENV), 0);
    struct sockaddr_storage ss;
    socklen_t len;
    size_t n = SIZE_MAX;

    if (told != NULL && told->len < NI_MAXHOST) {
        memcpy(out, told->base, told->len);
        return told->len;
    }
    len = req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&ss);
    if (len != 0)
        n = h2o_socket_getnumerichost((struct sockaddr *)&ss, len, out);
    return n == SIZE_MAX ? 0 : n;
}

/* A writer into a block whose size was reckoned before. */
static void put(char **at, struct text t)
{
    memcpy(*at, t.base, t.len);
    *at += t.len;
}

static void put_line(char **at, struct text name, struct text value)
{
    put(at, name);
    put(at, TEXT(": "));
    if (value.len > 0)
        put(at, value);
    put(at, TEXT("\r\n"));
}

static void put_cookie(char **at, const struct exchange *x, struct text value)
{
    char *begin = *at;
    size_t n;

    put(at, TEXT("cookie: "));
    n = relay_cookies(value, x->proxy->cookie_name, *at);
    if (n == 0) {
        *at = begin;
        return;
    }
    *at += n;
    put(at, TEXT("\r\n"));
}

static void put_headers(char **at, const struct exchange *x, const struct facts *facts)
{
    const h2o_req_t *req = x->req;

    for (size_t i = 0; i < req->headers.size; i++) {
        struct text name = of_iovec(*req->headers.entries[i].name);
        struct text value = of_iovec(req->headers.entries[i].value);
        if (relay_request_drops(name) ||
            (facts->connection.base != NULL && h1_list_has(facts->connection, name)))
            continue;
        if (text_is(name, "cookie"))
            put_cookie(at, x, value);
        else if (!text_is(name, "authorization") ||
                 !relay_authorization_is_ours(value, x->proxy->token_prefix))
            put_line(at, name, value);
    }
}

static void put_own(char **at, struct exchange *x, struct text peer, struct text identity)
{
    const h2o_req_t *req = x->req;

    if (peer.len > 0)
        put_line(at, TEXT("x-forwarded-for"), peer);
    put_line(at, TEXT("x-forwarded-proto"), x->proxy->scheme);
    put_line(at, TEXT("x-forwarded-host"), of_iovec(req->input.authority));
    put_line(at, TEXT("x-redhouse-face"), x->face == FACE_APP ? TEXT("app") : TEXT("editor"));
    if (identity.len > 0)
        put_line(at, TEXT("x-redhouse-identity"), identity);
    if (x->upgrade)
        put(at, TEXT("connection: upgrade\r\nupgrade: websocket\r\n"));
    else if (req->entity.base != NULL || text_is(of_iovec(req->input.method), "POST") ||
             text_is(of_iovec(req->input.method), "PUT"))
        *at += snprintf(*at, OWN_HEADERS / 4, "content-length: %zu\r\n", req->entity.len);
}

static bool is_idempotent(struct text method)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (text_is(method, methods[i]))
            return true;
    }
    return false;
}

/* Installing and removing modules. */
static bool is_slow(const struct exchange *x)
{
    struct text method = of_iovec(x->req->input.method), path = of_iovec(x->req->input.path);

    return x->face == FACE_EDITOR && (text_is(method, "POST") || text_is(method, "DELETE")) &&
           text_starts(path, "/nodes") &&
           (path.len == 6 || path.base[6] == '/' || path.base[6] == '?');
}

bool exchange_head(struct exchange *x, const struct host_entry *entry)
{
    h2o_req_t *req = x->req;
    struct text method = of_iovec(req->input.method), path = of_iovec(req->input.path);
    struct text host = of_iovec(req->input.authority);
    struct text identity;
    struct facts facts;
    char peer[NI_MAXHOST];
    size_t n_peer = peer_of(req, peer);
    char *base, *at;

    facts_of(&facts, x);
    if (!facts.valid || !h1_is_token(method) || path.len == 0 || path.base[0] != '/' ||
        host.len == 0)
        return false;
    identity = identity_of(x, &facts, entry);
    base = at = h2o_mem_alloc_pool(&req->pool, method.len + path.len + 2 * host.len + facts.bytes +
                                                   n_peer + identity.len + OWN_HEADERS);
    put(&at, method);
    put(&at, TEXT(" "));
    put(&at, path);
    put(&at, TEXT(" HTTP/1.1\r\n"));
    put_line(&at, TEXT("host"), host);
    put_headers(&at, x, &facts);
    put_own(&at, x, text_n(peer, n_peer), identity);
    put(&at, TEXT("\r\n"));
    x->call.out[0] = h2o_iovec_init(base, (size_t)(at - base));
    x->call.out[1] = req->entity;
    x->call.n_out = req->entity.len > 0 ? 2 : 1;
    x->call.head_only = text_is(method, "HEAD");
    x->call.idempotent = is_idempotent(method);
    x->call.upgrade = x->upgrade;
    x->call.slow = is_slow(x);
    return true;
}

static struct text cookie_value(struct text cookies, struct text ours)
{
    struct text pair;

    while (text_cut(&cookies, ';', &pair)) {
        size_t eq = text_find(pair, '=', 0);
        struct text name = text_trim(text_sub(pair, 0, eq));
        if (text_starts(name, "__Host-") && !text_starts(ours, "__Host-"))
            name = text_sub(name, 7, name.len);
        if (eq != SIZE_MAX && text_eq(name, ours))
            return text_trim(text_sub(pair, eq + 1, pair.len));
    }
    return TEXT_NONE;
}

void exchange_bearer(const struct exchange *x, struct bearer *bearer)
{
    struct facts facts;
    struct text value;

    *bearer = (struct bearer){.token = x->token, .permissions = x->permissions};
    if (x->user == NULL)
        return;
    bearer->user = xstrdup(x->user);
    facts_of(&facts, x);
    if (x->token)
        value = text_trim(text_sub(facts.authorization, sizeof("Bearer ") - 1, SIZE_MAX));
    else
        value = cookie_value(facts.cookie, x->proxy->cookie_name);
    if (value.base != NULL)
        bearer->credential = xstrndup(value.base, value.len);
}
