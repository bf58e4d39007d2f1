#include "http/events.h"

#include "core/clock.h"
#include "core/pool.h"
#include "http/call.h"
#include "http/stream.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_KEPT 1000
#define LISTENERS_MOST 2000
#define EVENT_BYTES_MOST 65536

struct event {
    uint64_t id;
    char tenant[ACCOUNT_ID]; /* "": admins only */
    char kind[24];
    char *data;
    size_t len;
};

struct listener {
    struct events *events;
    struct stream *stream;
    bool admin;
    char (*tenants)[ACCOUNT_ID]; /* that it may read */
    size_t n_tenants;
    struct listener *next;
};

struct events {
    pthread_mutex_t lock;
    struct event ring[EVENTS_KEPT];
    uint64_t first; /* id of this server's first event */
    uint64_t last;
    struct listener *listeners;
    unsigned n_listeners;
};

struct events *events_new(void)
{
    struct events *events = xcalloc(1, sizeof(*events));

    pthread_mutex_init(&events->lock, NULL);
    /* Above all ids of servers before, so that their listeners are told to read anew. */
    events->last = (uint64_t)clock_wall_ms() * 1000;
    events->first = events->last + 1;
    return events;
}

void events_free(struct events *events)
{
    if (events == NULL)
        return;
    for (size_t i = 0; i < EVENTS_KEPT; i++)
        free(events->ring[i].data);
    pthread_mutex_destroy(&events->lock);
    free(events);
}

static bool may_hear(const struct listener *l, const struct event *e)
{
    if (l->admin)
        return true;
    for (size_t i = 0; e->tenant[0] != '\0' && i < l->n_tenants; i++)
        if (strcmp(l->tenants[i], e->tenant) == 0)
            return true;
    return false;
}

static void tell(const struct listener *l, const struct event *e)
{
    if (may_hear(l, e))
        stream_event(l->stream, e->id, e->kind, text_n(e->data, e->len));
}

/* An event is one line; JSON has line breaks between its words only. */
static char *one_line(struct text data)
{
    char *line = xstrndup(data.base, data.len);

    for (size_t i = 0; i < data.len; i++)
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    return line;
}

void events_emit(struct events *events, const char *tenant, const char *kind, struct text data)
{
    /* What is too large to tell can be read. */
    if (data.len > EVENT_BYTES_MOST) {
        kind = "reset";
        data = TEXT("{}");
    }
    pthread_mutex_lock(&events->lock);
    struct event *e = &events->ring[++events->last % EVENTS_KEPT];
    free(e->data);
    e->id = events->last;
    snprintf(e->tenant, sizeof(e->tenant), "%s", tenant != NULL ? tenant : "");
    snprintf(e->kind, sizeof(e->kind), "%s", kind);
    e->data = one_line(data);
    e->len = data.len;
    for (const struct listener *l = events->listeners; l != NULL; l = l->next)
        tell(l, e);
    pthread_mutex_unlock(&events->lock);
}

static void on_close(void *arg)
{
    struct listener *l = arg;
    struct events *events = l->events;

    pthread_mutex_lock(&events->lock);
    for (struct listener **p = &events->listeners; *p != NULL; p = &(*p)->next) {
        if (*p == l) {
            *p = l->next;
            events->n_listeners--;
            break;
        }
    }
    pthread_mutex_unlock(&events->lock);
    stream_drop(l->stream);
    free(l->tenants);
    free(l);
}

/* Lock held. What the listener missed since its last id. */
static void replay(struct events *events, const struct listener *l, int64_t since)
{
    uint64_t oldest = events->last - EVENTS_KEPT + 1;

    if (since < 0)
        return;
    oldest = oldest > events->first ? oldest : events->first;
    if ((uint64_t)since > events->last || (uint64_t)since + 1 < oldest) {
        stream_event(l->stream, events->last, "reset", TEXT("{}"));
        return;
    }
    for (uint64_t id = (uint64_t)since + 1; id <= events->last; id++)
        tell(l, &events->ring[id % EVENTS_KEPT]);
}

static struct listener *listener_new(struct events *events, const struct call *c)
{
    struct listener *l = xcalloc(1, sizeof(*l));

    l->events = events;
    l->admin = c->who->admin && (c->who->narrowed & SCOPE_PLATFORM) != 0;
    l->tenants = xcalloc(c->who->n_members + 1, sizeof(*l->tenants));
    for (size_t i = 0; i < c->who->n_members; i++)
        if (identity_may(c->who, c->who->members[i].tenant, SCOPE_TENANT_READ))
            snprintf(l->tenants[l->n_tenants++], ACCOUNT_ID, "%s", c->who->members[i].tenant);
    return l;
}

void events_serve(struct events *events, struct call *c)
{
    struct text id = call_header(c, "last-event-id");
    int64_t since = -1;
    struct err err;

    pthread_mutex_lock(&events->lock);
    bool full = events->n_listeners >= LISTENERS_MOST;
    events->n_listeners += !full;
    pthread_mutex_unlock(&events->lock);
    if (full) {
        err_set(&err, ERR_UNAVAILABLE, "too_many_listeners",
                "Too many listen for events; try again later.");
        call_fail(c, &err);
        return;
    }
    if (id.len > 0 && !text_number(id, 0, INT64_MAX, &since))
        since = -1;
    struct listener *l = listener_new(events, c);
    l->stream = call_stream(c, "text/event-stream");
    stream_hold(l->stream);
    stream_on_close(l->stream, on_close, l);
    pthread_mutex_lock(&events->lock);
    l->next = events->listeners;
    events->listeners = l;
    stream_write(l->stream, TEXT(": hello\n\n"));
    replay(events, l, since);
    pthread_mutex_unlock(&events->lock);
}
