#include "http/waiting.h"

#include "http/exchange.h"
#include "http/page.h"

#include "core/clock.h"

#include <string.h>

#define MAX_WAITERS 2048    /* on one loop */
#define MAX_OF_INSTANCE 256 /* of those */
#define PAGE_AFTER_MS 1000  /* a sleeping instance is mostly up by then */
#define UNREACHABLE_MS 3000 /* a restart, or a full backlog */

static void answer(struct exchange *x, const struct host_entry *entry)
{
    bool html = page_wants_html(x->req);
    struct page page = {
        .status = 503,
        .code = "instance_starting",
        .title = entry != NULL ? entry->title : NULL,
        .heading = "Starting",
        .detail = html ? "This page opens by itself as soon as the instance is up."
                       : "The instance is starting. Ask again in a moment.",
        .look = entry != NULL ? entry->look : NULL,
        .retry_s = 2,
        .from = "starting asleep",
    };

    if (x->unreachable) {
        page.status = 502;
        page.code = "instance_unreachable";
        page.heading = "No answer";
        page.detail =
            "The instance runs but does not accept connections. Try again in a moment; if it "
            "stays so, restart it.";
        page.from = "";
    }
    waiting_leave(x);
    page_send(x->req, &page);
}

/* Beyond these many, waiting costs more than asking again. */
static bool is_full(const struct proxy_loop *proxy, const char *instance)
{
    size_t n = 0;

    if (proxy->n_waiters >= MAX_WAITERS)
        return true;
    if (proxy->n_waiters < MAX_OF_INSTANCE)
        return false;
    for (h2o_linklist_t *l = proxy->waiters.next; l != &proxy->waiters; l = l->next) {
        const struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, waiting, l);
        n += strcmp(x->instance, instance) == 0;
    }
    return n >= MAX_OF_INSTANCE;
}

static void list(struct exchange *x)
{
    struct proxy_loop *proxy = x->proxy;

    h2o_linklist_insert(&proxy->waiters, &x->waiting);
    proxy->n_waiters++;
    if (!h2o_timeout_is_linked(&proxy->waiting_tick))
        h2o_timeout_link(proxy->loop->ctx.loop, &proxy->loop->ctx.hundred_ms_timeout,
                         &proxy->waiting_tick);
}

void waiting_leave(struct exchange *x)
{
    if (!h2o_linklist_is_linked(&x->waiting))
        return;
    h2o_linklist_unlink(&x->waiting);
    x->proxy->n_waiters--;
    if (x->proxy->n_waiters == 0)
        h2o_timeout_unlink(&x->proxy->waiting_tick);
}

void waiting_enter(struct exchange *x, const struct host_entry *entry)
{
    struct proxy_loop *proxy = x->proxy;
    int64_t now = clock_mono_ms();
    bool unreachable = entry->state == HOST_RUNNING;

    /* Once in each state: what the keeper does about it puts the map, which judges all who wait. */
    if (!unreachable && x->asked != 1u + entry->state) {
        x->asked = 1u + entry->state;
        hosts_wanted(proxy->config.hosts, x->instance);
    }
    if (x->until_ms == 0 || unreachable != x->unreachable) {
        x->until_ms = now + (unreachable ? UNREACHABLE_MS : proxy->config.wait_ms);
        x->page_at_ms = INT64_MAX;
        if (!unreachable && page_is_navigation(x->req))
            x->page_at_ms = entry->state == HOST_ASLEEP ? now + PAGE_AFTER_MS : now;
    }
    x->unreachable = unreachable;
    if (now >= x->page_at_ms || now >= x->until_ms ||
        (!h2o_linklist_is_linked(&x->waiting) && is_full(proxy, x->instance)))
        answer(x, entry);
    else if (!h2o_linklist_is_linked(&x->waiting))
        list(x);
}

/* Who waits now, on a list of their own: judging may put some of them back. */
static void each_waiter(struct proxy_loop *proxy, void (*fn)(struct exchange *x, void *arg),
                        void *arg)
{
    h2o_linklist_t all;

    h2o_linklist_init_anchor(&all);
    h2o_linklist_insert_list(&all, &proxy->waiters);
    while (!h2o_linklist_is_empty(&all)) {
        struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, waiting, all.next);
        h2o_linklist_unlink(&x->waiting);
        h2o_linklist_insert(&proxy->waiters, &x->waiting);
        fn(x, arg);
    }
}

static void judge(struct exchange *x, void *arg)
{
    const struct host_entry *entry = hosts_find(arg, text_of(x->host));

    exchange_judge(x, entry);
}

void waiting_judge(struct proxy_loop *proxy)
{
    struct snapshot *hosts;

    if (proxy->n_waiters == 0)
        return;
    hosts = hosts_take(proxy->config.hosts);
    each_waiter(proxy, judge, hosts);
    snapshot_drop(hosts);
}

static void end(struct exchange *x, void *arg)
{
    const char *instance = arg;

    if (instance != NULL && strcmp(x->instance, instance) != 0)
        return;
    answer(x, NULL);
}

void waiting_end(struct proxy_loop *proxy, const char *instance)
{
    each_waiter(proxy, end, (void *)(uintptr_t)instance);
}

static void on_tick(h2o_timeout_entry_t *entry)
{
    struct proxy_loop *proxy = H2O_STRUCT_FROM_MEMBER(struct proxy_loop, waiting_tick, entry);

    waiting_judge(proxy);
    if (proxy->n_waiters > 0 && !h2o_timeout_is_linked(entry))
        h2o_timeout_link(proxy->loop->ctx.loop, &proxy->loop->ctx.hundred_ms_timeout, entry);
}

void waiting_init(struct proxy_loop *proxy)
{
    h2o_linklist_init_anchor(&proxy->waiters);
    proxy->waiting_tick.cb = on_tick;
}
