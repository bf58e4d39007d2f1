#include "http/proxy.h"

#include "http/exchange.h"
#include "http/identity.h"
#include "http/page.h"
#include "http/tunnel.h"
#include "http/waiting.h"

#include "core/clock.h"
#include "core/pool.h"

#include <string.h>

struct proxy_loop *proxy_loop_new(struct http_loop *loop, const struct proxy_config *config)
{
    struct proxy_loop *proxy = xcalloc(1, sizeof(*proxy));

    proxy->loop = loop;
    proxy->config = *config;
    proxy->scheme = text_of(xstrdup(config->scheme));
    proxy->cookie_name = text_of(xstrdup(config->cookie_name));
    proxy->token_prefix = text_of(xstrdup(config->token_prefix));
    proxy->upstream = upstream_new(loop->ctx.loop);
    proxy->identities = identity_cache_new();
    h2o_linklist_init_anchor(&proxy->exchanges);
    waiting_init(proxy);
    tunnel_init(proxy);
    return proxy;
}

/* What is told about a failure: its cause only to those who may look at the tenant. */
static void answer_failed(struct exchange *x, const struct host_entry *entry)
{
    uint32_t scopes = x->who.user != NULL ? identity_scopes(&x->who, x->tenant) : 0;
    bool insider = (scopes & (SCOPE_TENANT_READ | SCOPE_EDITOR_READ)) != 0;
    struct page page = {
        .status = 503,
        .code = "instance_failed",
        .title = entry->title,
        .heading = "Could not start",
        .detail = "The instance could not start. Its owners see the cause after logging in.",
        .look = entry->look,
        .from = "failed",
    };

    if (insider && entry->cause != NULL)
        page.detail = entry->cause;
    else if (insider)
        page.detail = "The instance could not start. Its log says why.";
    else if (x->face == FACE_EDITOR)
        page.login = "/.redhouse/login?to=/";
    page_send(x->req, &page);
}

static void answer_stopped(struct exchange *x, const struct host_entry *entry)
{
    page_send(x->req, &(struct page){.status = 503,
                                     .code = "instance_stopped",
                                     .title = entry->title,
                                     .heading = "Stopped",
                                     .detail = "This instance is stopped. Its owners can start it "
                                               "in the portal.",
                                     .look = entry->look,
                                     .from = "stopped"});
}

static void answer_asleep(struct exchange *x)
{
    page_send(x->req,
              &(struct page){.status = 503,
                             .code = "instance_asleep",
                             .heading = "Asleep",
                             .detail = "The instance is asleep. Opening its editor wakes it.",
                             .retry_s = 10});
}

static void answer_gone(struct exchange *x)
{
    page_send(x->req, &(struct page){.status = 404,
                                     .code = "not_found",
                                     .heading = "Not here",
                                     .detail = "There is no instance at this address."});
}

static void answer_bad_request(struct exchange *x)
{
    page_send(x->req, &(struct page){.status = 400,
                                     .code = "bad_request",
                                     .heading = "Bad request",
                                     .detail = "This request cannot be passed on."});
}

void exchange_fail(struct exchange *x, enum upstream_fault fault)
{
    static const struct page pages[] = {
        [UPSTREAM_BUSY] = {.status = 503,
                           .code = "instance_busy",
                           .heading = "Too busy",
                           .detail = "Too many requests to this instance are under way. Try again "
                                     "in a moment.",
                           .retry_s = 2},
        [UPSTREAM_CLOSED] = {.status = 502,
                             .code = "instance_closed",
                             .heading = "No answer",
                             .detail = "The instance closed the connection before it answered. It "
                                       "may be restarting: try again in a moment.",
                             .retry_s = 2,
                             .from = ""},
        [UPSTREAM_BAD] = {.status = 502,
                          .code = "instance_bad_answer",
                          .heading = "Bad answer",
                          .detail = "What the instance answered is not valid HTTP. A flow that "
                                    "writes its own headers is the usual cause."},
        [UPSTREAM_TIMEOUT] = {.status = 504,
                              .code = "instance_timeout",
                              .heading = "No answer in time",
                              .detail = "The instance took too long to answer. A flow without an "
                                        "http response node is the usual cause."},
    };
    struct snapshot *hosts;

    if (fault != UPSTREAM_REFUSED) {
        waiting_leave(x);
        page_send(x->req, &pages[fault]);
        return;
    }
    hosts = hosts_take(x->proxy->config.hosts);
    exchange_judge(x, hosts_find(hosts, text_of(x->host)));
    snapshot_drop(hosts);
}

static void forward(struct exchange *x, const struct host_entry *entry)
{
    enum upstream_fault fault = UPSTREAM_OK;

    if (!exchange_head(x, entry)) {
        waiting_leave(x);
        answer_bad_request(x);
        return;
    }
    fault = upstream_start(x->proxy->upstream, &x->call, x->instance, entry->socket);
    if (fault == UPSTREAM_REFUSED)
        waiting_enter(x, entry);
    else if (fault != UPSTREAM_OK)
        exchange_fail(x, fault);
    else
        waiting_leave(x);
}

void exchange_judge(struct exchange *x, const struct host_entry *entry)
{
    bool same = entry != NULL && strcmp(entry->instance, x->instance) == 0;

    if (same && entry->state == HOST_RUNNING) {
        forward(x, entry);
        return;
    }
    /* an abandoned editor tab asks for its WebSocket for ever: that must not wake anything */
    if (same && (entry->state == HOST_STARTING ||
                 (entry->state == HOST_ASLEEP && !(x->upgrade && x->face == FACE_EDITOR)))) {
        waiting_enter(x, entry);
        return;
    }
    waiting_leave(x);
    if (!same)
        answer_gone(x);
    else if (entry->state == HOST_FAILED)
        answer_failed(x, entry);
    else if (entry->state == HOST_STOPPED)
        answer_stopped(x, entry);
    else
        answer_asleep(x);
}

void proxy_handle(struct proxy_loop *proxy, h2o_req_t *req, const struct host_entry *entry,
                  struct snapshot *hosts, const struct identity *who, struct snapshot *accounts)
{
    struct exchange *x = exchange_new(proxy, req, entry, who);

    if (accounts != NULL) {
        snapshot_hold(accounts);
        x->accounts = accounts;
    }
    if (!(x->upgrade && x->face == FACE_EDITOR))
        atomic_store_explicit(&x->activity->last_ms, clock_mono_ms(), memory_order_relaxed);
    exchange_judge(x, entry);
}

void proxy_hosts_changed(struct proxy_loop *proxy)
{
    waiting_judge(proxy);
}

void proxy_close_instance(struct proxy_loop *proxy, const char *instance)
{
    upstream_close_idle(proxy->upstream, instance);
    waiting_end(proxy, instance);
    tunnel_close_instance(proxy, instance);
}

/* Whether an answer under way was asked for by that user, who may not have it any more. */
static bool has_ended(const struct exchange *x, const char *user)
{
    struct bearer bearer;
    bool holds;

    if (!x->started || x->user == NULL || (user != NULL && strcmp(user, x->user) != 0))
        return false;
    exchange_bearer(x, &bearer);
    holds = bearer_holds(&bearer, x->proxy->config.account, x->tenant, x->host, x->face);
    bearer_release(&bearer);
    return !holds;
}

void proxy_close_ended(struct proxy_loop *proxy, const char *user)
{
    h2o_linklist_t *next;

    for (h2o_linklist_t *l = proxy->exchanges.next; l != &proxy->exchanges; l = next) {
        struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, link, l);
        next = l->next;
        if (has_ended(x, user))
            exchange_cut(x);
    }
    tunnel_close_ended(proxy, user);
}

size_t proxy_busy(const struct proxy_loop *proxy)
{
    return proxy->n_exchanges + proxy->n_tunnels;
}
