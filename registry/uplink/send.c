#include "registry/uplink/send.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/pool.h"
#include "core/url.h"
#include "registry/uplink/breaker.h"
#include "registry/uplink/part.h"

#include <unistd.h>

#define REDIRECTS 4
#define LONGEST_WAIT_MS 10000 /* of one who asks; longer rests are the breaker's */

static bool is(const struct err *err, const char *code)
{
    return err->code != NULL && strcmp(err->code, code) == 0;
}

struct hop {
    const char *url;
    bool own;     /* the uplink's own origin: gets the credentials */
    bool allowed; /* its own, or one of its hosts: may be private */
};

static int judge_hop(const struct uplink *u, struct pool *pool, const char *url, struct hop *out,
                     struct err *err)
{
    const char *origin;
    if (url_origin(pool, url, &origin, NULL) != 0)
        return err_set(err, ERR_UPSTREAM, "upstream_redirect",
                       "The uplink \"%s\" leads to an address that cannot be asked.", u->name);
    *out = (struct hop){url, strcmp(origin, u->origin) == 0, uplink_allows(u, origin)};
    return 0;
}

static int judge_redirect(const struct uplink *u, struct pool *pool, const struct hop *from,
                          const struct fetch_reply *reply, struct hop *out, struct err *err)
{
    const char *to = text_c(pool, fetch_header(reply, "location")), *url;
    if (to[0] == '\0' || url_join(pool, from->url, to, &url, NULL) != 0)
        return err_set(err, ERR_UPSTREAM, "upstream_redirect",
                       "The uplink \"%s\" leads to an address that cannot be asked.", u->name);
    if (judge_hop(u, pool, url, out, err) != 0)
        return -1;
    if (!out->allowed && text_starts(text_of(from->url), "https:") &&
        !text_starts(text_of(url), "https:"))
        return err_set(err, ERR_UPSTREAM, "upstream_redirect",
                       "The uplink \"%s\" leads from https to http, which is not followed.",
                       u->name);
    return 0;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void add(struct fetch_request *r, struct fetch_header *all, const char *name,
                struct text value)
{
    if (value.len > 0)
        all[r->n_headers++] = (struct fetch_header){text_of(name), value};
}

/* What is sent is made here, all of it. */
static int ask_hop(struct uplinks *us, const struct uplink *u, const struct uplink_question *q,
                   const struct hop *hop, struct pool *pool, struct fetch_reply *reply,
                   struct err *err)
{
    struct fetch_header headers[6];
    const char *proxy = u->proxy != NULL ? u->proxy : us->config.proxy;
    bool proxied = proxy != NULL && proxy[0] != '\0';
    int64_t left = q->deadline_at - clock_mono_ms();
    struct fetch_request request = {
        .url = hop->url,
        .headers = headers,
        .deadline_ms = left > 1 ? left : 1,
        .connect_ms = u->timeout_ms < 10000 ? u->timeout_ms : 10000,
        .stall_ms = u->timeout_ms,
        .max_bytes = q->max_bytes,
        .gzip = q->gzip,
        .sink = q->sink,
        .sink_arg = q->sink_arg,
        .refuse_private = !hop->allowed && !proxied,
        .proxy = u->proxy,
        /* where others lead is for the proxy to reach: from here it could be our own network */
        .no_proxy = hop->allowed ? u->no_proxy : NULL,
        .ca_pem = u->ca,
        .cancelled = &us->closing,
    };
    if (!hop->allowed && proxied && fetch_names_private(hop->url))
        return err_set(err, ERR_UPSTREAM, "upstream_private",
                       "The uplink \"%s\" leads to a private address, which is not allowed.",
                       u->name);
    add(&request, headers, "accept", q->accept);
    add(&request, headers, "if-none-match", q->etag);
    add(&request, headers, "range", q->range);
    add(&request, headers, "if-range", q->if_range);
    add(&request, headers, "via", text_of(us->via));
    if (hop->own)
        add(&request, headers, "authorization", text_of(u->authorization));
    return fetch(us->config.fetcher, &request, pool, reply, err);
}

static int follow(struct uplinks *us, const struct uplink *u, const struct uplink_question *q,
                  struct pool *pool, struct fetch_reply *reply, struct err *err)
{
    struct hop hop;
    if (judge_hop(u, pool, q->url, &hop, err) != 0)
        return -1;
    for (int i = 0; i <= REDIRECTS; i++) {
        if (ask_hop(us, u, q, &hop, pool, reply, err) != 0)
            return -1;
        if (uplinks_began(us, fetch_header(reply, "via")))
            return err_set(err, ERR_UPSTREAM, "uplink_loop",
                           "The uplink \"%s\" leads back to this registry; correct its address.",
                           u->name);
        if (!is_redirect(reply->status))
            return 0;
        struct hop from = hop;
        if (judge_redirect(u, pool, &from, reply, &hop, err) != 0)
            return -1;
    }
    return err_set(err, ERR_UPSTREAM, "upstream_redirect",
                   "The uplink \"%s\" redirects more than %d times.", u->name, REDIRECTS);
}

/* Does the status say that the uplink is not well, rather than anything of what was asked? */
static int judge_status(const struct uplink *u, const struct fetch_reply *reply, int64_t *rest_ms,
                        struct err *err)
{
    if (reply->status != 408 && reply->status != 429 && reply->status < 500)
        return 0;
    *rest_ms = fetch_retry_after_ms(reply);
    if (reply->status == 429)
        return err_set(err, ERR_UPSTREAM, "upstream_busy",
                       "The uplink \"%s\" says that it is asked too often (429).", u->name);
    return err_set(err, ERR_UPSTREAM, "upstream_status", "The uplink \"%s\" answered %d.", u->name,
                   reply->status);
}

/* Clients hear the uplink's name, not its address; who looks after it finds that in its state. */
static void tell(const struct uplink *u, const struct err *why, struct err *err)
{
    static const struct {
        const char *code, *text;
    } sentences[] = {
        {"upstream_unreachable", "cannot be reached"},
        {"upstream_slow", "did not answer in time"},
        {"upstream_too_large", "answered with more than is taken"},
        {"upstream_tls", "cannot be trusted: its certificate is not valid for us"},
        {"upstream_private", "leads to a private address, which is not allowed"},
    };
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        if (is(why, sentences[i].code)) {
            (void)err_set(err, why->kind, why->code, "The uplink \"%s\" %s.", u->name,
                          sentences[i].text);
            return;
        }
    }
    if (err != NULL)
        *err = *why;
}

int uplink_send(struct uplinks *uplinks, const struct uplink *uplink,
                const struct uplink_question *question, struct pool *pool,
                struct fetch_reply *reply, int64_t *rest_ms, struct err *err)
{
    struct err why = {0};
    *rest_ms = 0;
    if (breaker_enter(uplink->breaker, clock_mono_ms(), err) != 0)
        return -1;
    int failed = follow(uplinks, uplink, question, pool, reply, &why) != 0 ||
                 judge_status(uplink, reply, rest_ms, &why) != 0;
    bool unwell = failed && (uplink_may_try_again(&why) || is(&why, "upstream_tls") ||
                             is(&why, "uplink_loop"));
    if (failed && is(&why, "stopping"))
        breaker_cancel(uplink->breaker);
    else
        breaker_leave(uplink->breaker, unwell ? why.text : NULL, *rest_ms, clock_mono_ms());
    if (failed)
        tell(uplink, &why, err);
    return failed ? -1 : 0;
}

bool uplink_may_try_again(const struct err *err)
{
    static const char *const again[] = {"upstream_unreachable", "upstream_slow", "upstream_status",
                                        "upstream_busy"};
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++)
        if (is(err, again[i]))
            return true;
    return false;
}

bool uplink_wait(struct uplinks *uplinks, unsigned n, int64_t rest_ms, int64_t deadline_at)
{
    int64_t wait_ms = breaker_backoff_ms(n), now = clock_mono_ms();
    wait_ms = rest_ms > wait_ms ? rest_ms : wait_ms;
    if (wait_ms > LONGEST_WAIT_MS || now + wait_ms >= deadline_at)
        return false;
    for (int64_t until = now + wait_ms; now < until; now = clock_mono_ms()) {
        if (atomic_load(&uplinks->closing))
            return false;
        int64_t part = until - now < 100 ? until - now : 100;
        usleep((useconds_t)part * 1000);
    }
    return true;
}
