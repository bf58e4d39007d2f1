/* The documents. Tarballs are in tarball.c. */
#include "registry/uplink/uplinks.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/pool.h"
#include "registry/pkgname.h"
#include "registry/uplink/body.h"
#include "registry/uplink/flight.h"
#include "registry/uplink/part.h"
#include "registry/uplink/send.h"
#include "registry/uplink/store.h"
#include "registry/uplink/trim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define DOCUMENT_DEADLINE_MS 60000
#define MISSING_MS 60000 /* how long a 404 is remembered */
#define DOWN_MS 10000    /* how long an uplink that failed is left alone */
#define OFFLINE_MS 60000 /* how long what is here is good while nothing goes out */
#define TRIES 3          /* when there is nothing to serve */

static struct text document_key(struct pool *pool, struct text name, enum packument_form form)
{
    return text_printf(pool, "%.*s %s", TEXT_ARG(name), store_forms[form]);
}

const char *uplink_document_url(const struct uplink *u, struct pool *pool, struct text name)
{
    struct pkgname n;
    if (pkgname_split(name, &n) && n.scope.len > 0)
        return pool_printf(pool, "%s/@%.*s%%2f%.*s", u->url, TEXT_ARG(n.scope), TEXT_ARG(n.base));
    return pool_printf(pool, "%s/%.*s", u->url, TEXT_ARG(name));
}

static int not_found(struct text name, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "package_not_found", "There is no package \"%.*s\".",
                   TEXT_ARG(name));
}

/* One document that is fetched. */
struct wish {
    struct uplinks *us;
    const struct uplink *u;
    struct pool *pool;
    struct text name, key;
    enum packument_form form;
    struct stored old;
    bool had, had_other; /* this form is here; the other one is */
};

static int ask_document(const struct wish *w, struct fetch_reply *reply, struct err *err)
{
    int64_t deadline_at = clock_mono_ms() + DOCUMENT_DEADLINE_MS, rest_ms;
    struct uplink_question q = {
        .url = uplink_document_url(w->u, w->pool, w->name),
        .accept = w->form == PACKUMENT_FULL
                      ? TEXT(MIME_JSON)
                      : TEXT(MIME_ABBREVIATED "; q=1.0, " MIME_JSON "; q=0.8, */*"),
        .etag = w->had ? w->old.etag : TEXT_NONE,
        .deadline_at = deadline_at,
        .max_bytes = PACKUMENT_MAX,
        .gzip = true};
    unsigned tries = w->had || w->had_other ? 1 : TRIES;
    for (unsigned n = 1;; n++) {
        struct err why = {0};
        if (uplink_send(w->us, w->u, &q, w->pool, reply, &rest_ms, &why) == 0)
            return 0;
        if (n >= tries || !uplink_may_try_again(&why) ||
            !uplink_wait(w->us, n, rest_ms, deadline_at))
            return err_set(err, why.kind, why.code, "%s", why.text);
    }
}

static void land(const struct wish *w, enum flight outcome, int64_t for_ms)
{
    flights_land(w->us->flights, w->key, outcome, clock_mono_ms() + for_ms, w->u->stale_ms);
}

/* Nothing came. What is here goes on being served for a short while. */
static int when_down(const struct wish *w, const struct err *why, struct err *err)
{
    if (w->had || w->had_other) {
        land(w, FLIGHT_FRESH, DOWN_MS);
        return 0;
    }
    if (why->code != NULL && strcmp(why->code, "stopping") == 0)
        land(w, FLIGHT_NONE, 0);
    else
        land(w, FLIGHT_DOWN, DOWN_MS);
    if (why->code != NULL && strcmp(why->code, "upstream_unreachable") != 0)
        return err_set(err, why->kind, why->code, "%s", why->text);
    return err_set(err, ERR_UPSTREAM, "upstream_unreachable",
                   "The uplink does not answer, and \"%.*s\" was never fetched before.",
                   TEXT_ARG(w->name));
}

/* A status that is neither the document nor a failure of the uplink. */
static int when_refused(const struct wish *w, int status, struct err *err)
{
    if (w->had && w->old.kept) { /* it came in a bundle: that it is not there is nothing new */
        land(w, FLIGHT_FRESH, w->u->fresh_ms);
        return 0;
    }
    if (status == 401 || status == 402 || status == 403 || status == 451) {
        land(w, FLIGHT_NONE, 0);
        return err_set(err, ERR_FORBIDDEN, "upstream_refused",
                       "The uplink \"%s\" refuses \"%.*s\" (%d).", w->u->name, TEXT_ARG(w->name),
                       status);
    }
    land(w, FLIGHT_MISSING, MISSING_MS);
    return not_found(w->name, err);
}

static int keep(const struct wish *w, const struct fetch_reply *reply, struct err *err)
{
    struct store_document d = {w->u->name,  w->name, w->form, fetch_header(reply, "etag"),
                               reply->body, false};
    return uplink_body_check(reply->body, w->name, err) != 0 ||
                   store_put_document(w->us, w->pool, &d, err) != 0
               ? -1
               : 0;
}

static int fetch_document(const struct wish *w, struct err *err)
{
    struct fetch_reply reply;
    struct err why = {0};
    if (ask_document(w, &reply, &why) != 0)
        return when_down(w, &why, err);
    if (reply.status == 304 && w->had) {
        (void)store_confirm_document(w->us, w->name, w->form, NULL);
        land(w, FLIGHT_FRESH, w->u->fresh_ms);
        return 0;
    }
    if (reply.status != 200)
        return when_refused(w, reply.status, err);
    if (keep(w, &reply, &why) != 0) {
        log_warn("uplink", why.text, "uplink=%s", w->u->name);
        return when_down(w, &why, err);
    }
    if (w->us->config.changed != NULL)
        w->us->config.changed(w->us->config.arg, w->name);
    land(w, FLIGHT_FRESH, w->u->fresh_ms);
    return 0;
}

static void look_up(struct wish *w)
{
    struct stored other;
    enum packument_form other_form =
        w->form == PACKUMENT_FULL ? PACKUMENT_ABBREVIATED : PACKUMENT_FULL;
    w->key = document_key(w->pool, w->name, w->form);
    w->had = store_find_document(w->us, w->pool, w->u->name, w->name, w->form, &w->old);
    w->had_other =
        !w->had && store_find_document(w->us, w->pool, w->u->name, w->name, other_form, &other);
}

struct renewal {
    struct uplinks *uplinks;
    enum packument_form form;
    char name[PKGNAME_MAX + 1];
};

/* On the lane, or in place when the caller does not mind waiting. The flight is taken. */
static void renew(void *arg)
{
    struct renewal *r = arg;
    auto_pool struct pool *pool = pool_new();
    struct uplink_table *table = uplinks_table(r->uplinks);
    struct wish w = {.us = r->uplinks, .pool = pool, .name = text_of(r->name), .form = r->form};
    if (uplink_choose(table, w.name, &w.u, NULL) != 0 || atomic_load(&r->uplinks->closing)) {
        flights_land(r->uplinks->flights, document_key(pool, w.name, r->form), FLIGHT_NONE, 0, 0);
    } else {
        look_up(&w);
        if (w.had && uplink_is_offline(w.u, w.name, NULL))
            land(&w, FLIGHT_FRESH, OFFLINE_MS);
        else
            (void)fetch_document(&w, NULL);
    }
    snapshot_drop(&table->base);
    free(r);
}

/* What is stale is fetched anew, by one and behind whatever is answered. */
static void renew_behind(struct uplinks *us, struct text key, struct text name,
                         enum packument_form form)
{
    if (name.len > PKGNAME_MAX || !flights_take(us->flights, key))
        return;
    struct renewal *r = xcalloc(1, sizeof *r);
    *r = (struct renewal){.uplinks = us, .form = form};
    memcpy(r->name, name.base, name.len);
    if (lane_post(us->lane, renew, r))
        return;
    flights_land(us->flights, key, FLIGHT_FRESH, clock_mono_ms() + DOWN_MS, 0);
    free(r);
}

bool uplinks_is_ready(struct uplinks *uplinks, struct text name, enum packument_form form)
{
    char key[PKGNAME_MAX + 16];
    int n = snprintf(key, sizeof key, "%.*s %s", TEXT_ARG(name), store_forms[form]);
    struct text view = text_n(key, (size_t)n < sizeof key ? (size_t)n : sizeof key - 1);
    enum flight known = flights_look(uplinks->flights, view, clock_mono_ms());
    if (known == FLIGHT_STALE)
        renew_behind(uplinks, view, name, form);
    return known == FLIGHT_FRESH || known == FLIGHT_STALE;
}

/* Nothing is known, maybe since the server started a moment ago: what is here says how old it is.
 */
static bool still_good(const struct wish *w)
{
    int64_t age = clock_wall_ms() - w->old.checked_ms;
    if (!w->had || age < 0 || age >= w->u->fresh_ms + w->u->stale_ms)
        return false;
    if (age < w->u->fresh_ms) {
        land(w, FLIGHT_FRESH, w->u->fresh_ms - age);
        return true;
    }
    flights_land(w->us->flights, w->key, FLIGHT_FRESH, clock_mono_ms(),
                 w->u->fresh_ms + w->u->stale_ms - age);
    renew_behind(w->us, w->key, w->name, w->form);
    return true;
}

static int bring(struct wish *w, struct err *err)
{
    look_up(w);
    if (still_good(w))
        return 0;
    if (!uplink_is_offline(w->u, w->name, err))
        return fetch_document(w, err);
    bool here = w->had || w->had_other;
    land(w, here ? FLIGHT_FRESH : FLIGHT_NONE, here ? OFFLINE_MS : 0);
    return here ? 0 : -1;
}

static int refresh(struct wish *w, struct err *err)
{
    bool waited = false;
    w->key = document_key(w->pool, w->name, w->form);
    switch (flights_board(w->us->flights, w->key, DOCUMENT_DEADLINE_MS, &waited)) {
    case FLIGHT_YOURS:
        return bring(w, err);
    case FLIGHT_STALE:
        renew_behind(w->us, w->key, w->name, w->form);
        return 0;
    case FLIGHT_FRESH:
        return 0;
    case FLIGHT_MISSING:
        return not_found(w->name, err);
    case FLIGHT_DOWN:
    case FLIGHT_NONE:
        break;
    }
    return err_set(err, ERR_UPSTREAM, "upstream_unreachable",
                   "The uplink did not answer a moment ago; try again soon.");
}

int uplinks_refresh(struct uplinks *uplinks, struct text name, enum packument_form form,
                    struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct uplink_table *table = uplinks_table(uplinks);
    struct wish w = {.us = uplinks, .pool = pool, .name = name, .form = form};
    int failed = uplink_choose(table, name, &w.u, err) != 0 || refresh(&w, err) != 0;
    snapshot_drop(&table->base);
    return failed ? -1 : 0;
}

static void unmap(void *arg)
{
    struct text *t = arg;
    munmap((void *)(uintptr_t)t->base, t->len);
}

int uplink_map(struct pool *pool, int fd, uint64_t bytes, struct text *out, struct err *err)
{
    struct text *t = pool_alloc(pool, sizeof *t);
    *t = TEXT("");
    if (bytes > 0) {
        void *p = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            return err_errno(err, "cannot map a file");
        *t = text_n(p, bytes);
        pool_defer(pool, unmap, t);
    }
    *out = *t;
    return 0;
}

static int open_document(struct uplinks *us, struct pool *pool, const char *uplink,
                         struct text name, enum packument_form form, struct text *doc,
                         struct err *err)
{
    struct stored stored;
    uint64_t bytes;
    auto_close int fd = -1;
    /* A second look: the blob goes when a newer document takes its place. */
    for (int i = 0; i < 2 && fd < 0; i++) {
        if (!store_find_document(us, pool, uplink, name, form, &stored))
            return not_found(name, err);
        if (blob_open(us->config.blobs, &stored.id, &fd, &bytes, err) != 0 && i == 1)
            return -1;
    }
    return uplink_map(pool, fd, bytes, doc, err);
}

int uplinks_kept_document(struct uplinks *uplinks, struct pool *pool, const char *uplink,
                          struct text name, struct text *doc)
{
    return open_document(uplinks, pool, uplink, name, PACKUMENT_FULL, doc, NULL);
}

static int find_document(struct uplinks *us, struct pool *pool, const struct uplink *u,
                         struct text name, enum packument_form form, struct text *doc,
                         struct err *err)
{
    if (open_document(us, pool, u->name, name, form, doc, err) == 0)
        return 0;
    if (form == PACKUMENT_FULL)
        return open_document(us, pool, u->name, name, PACKUMENT_ABBREVIATED, doc, err);
    struct text full;
    if (open_document(us, pool, u->name, name, PACKUMENT_FULL, &full, err) != 0)
        return -1;
    return trim_abbreviate(pool, full, doc, err);
}

int uplinks_document(struct uplinks *uplinks, struct pool *pool, struct text name,
                     enum packument_form form, struct text *doc, struct err *err)
{
    struct uplink_table *table = uplinks_table(uplinks);
    const struct uplink *u;
    int failed = uplink_choose(table, name, &u, err) != 0 ||
                 find_document(uplinks, pool, u, name, form, doc, err) != 0;
    snapshot_drop(&table->base);
    return failed ? -1 : 0;
}

void uplinks_forget(struct uplinks *uplinks, struct text name)
{
    auto_pool struct pool *pool = pool_new();
    for (int form = PACKUMENT_FULL; form <= PACKUMENT_ABBREVIATED; form++)
        flights_forget(uplinks->flights, document_key(pool, name, (enum packument_form)form));
}

void uplinks_keep_house(struct uplinks *uplinks)
{
    struct err err;
    int n = 0;
    if (store_note_used(uplinks, &err) != 0)
        log_error("uplink", err.text, NULL);
    else if (atomic_exchange(&uplinks->stored, false) && (n = store_evict(uplinks, &err)) < 0)
        log_error("uplink", err.text, NULL);
    if (n > 0)
        log_info("uplink", "what was used least went, to keep the ceiling", "rows=%d", n);
}
