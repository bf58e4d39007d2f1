#include "registry/uplink/flight.h"

#include "core/clock.h"
#include "core/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define BUCKETS 1024
#define MAX_KNOWN 20000 /* past it, what is known is forgotten */

struct thing {
    struct thing *next;
    char *key;
    size_t len;
    bool under_way;
    bool forgotten; /* while it was under way */
    bool used;
    unsigned waiting;
    enum flight outcome;
    int64_t until_ms, stale_until_ms;
};

struct flights {
    pthread_mutex_t lock;
    pthread_cond_t landed;
    struct thing *all[BUCKETS];
    size_t n;
};

struct flights *flights_new(void)
{
    struct flights *f = xcalloc(1, sizeof *f);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->landed, &attr);
    pthread_condattr_destroy(&attr);
    return f;
}

/* Frees what nobody fetches or waits for. */
static void sweep(struct flights *f, bool all)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct thing **link = &f->all[i];
        while (*link != NULL) {
            struct thing *t = *link;
            if (!all && (t->under_way || t->waiting > 0)) {
                link = &t->next;
                continue;
            }
            *link = t->next;
            free(t->key);
            free(t);
            f->n--;
        }
    }
}

void flights_free(struct flights *flights)
{
    if (flights == NULL)
        return;
    sweep(flights, true);
    pthread_cond_destroy(&flights->landed);
    pthread_mutex_destroy(&flights->lock);
    free(flights);
}

static struct thing *find(struct flights *f, struct text key)
{
    struct thing *t = f->all[text_hash(key) % BUCKETS];
    while (t != NULL && !text_eq(text_n(t->key, t->len), key))
        t = t->next;
    return t;
}

static struct thing *find_or_make(struct flights *f, struct text key)
{
    struct thing *t = find(f, key);
    if (t != NULL)
        return t;
    if (f->n >= MAX_KNOWN)
        sweep(f, false);
    struct thing **bucket = &f->all[text_hash(key) % BUCKETS];
    t = xcalloc(1, sizeof *t);
    t->key = xstrndup(key.base, key.len);
    t->len = key.len;
    t->next = *bucket;
    *bucket = t;
    f->n++;
    return t;
}

static enum flight known(struct thing *t, int64_t now_ms)
{
    enum flight out = FLIGHT_NONE;
    if (t != NULL && now_ms < t->until_ms)
        out = t->outcome;
    else if (t != NULL && t->outcome == FLIGHT_FRESH && now_ms < t->stale_until_ms)
        out = FLIGHT_STALE;
    if (out == FLIGHT_FRESH || out == FLIGHT_STALE)
        t->used = true;
    return out;
}

enum flight flights_look(struct flights *flights, struct text key, int64_t now_ms)
{
    pthread_mutex_lock(&flights->lock);
    enum flight out = known(find(flights, key), now_ms);
    pthread_mutex_unlock(&flights->lock);
    return out;
}

static struct timespec deadline_of(int64_t at_ms)
{
    return (struct timespec){at_ms / 1000, at_ms % 1000 * 1000000};
}

/* False when the deadline passed first. */
static bool wait_for(struct flights *f, struct thing *t, int64_t deadline_ms)
{
    struct timespec deadline = deadline_of(deadline_ms);
    int failed = 0;
    t->waiting++;
    while (t->under_way && failed == 0)
        failed = pthread_cond_timedwait(&f->landed, &f->lock, &deadline);
    t->waiting--;
    return !t->under_way;
}

enum flight flights_board(struct flights *flights, struct text key, int64_t wait_ms, bool *waited)
{
    enum flight out = FLIGHT_NONE;
    int64_t deadline_ms = clock_mono_ms() + wait_ms;
    pthread_mutex_lock(&flights->lock);
    struct thing *t = find_or_make(flights, key);
    out = known(t, clock_mono_ms());
    while (out == FLIGHT_NONE && t->under_way) {
        *waited = true;
        if (!wait_for(flights, t, deadline_ms))
            break;
        out = known(t, clock_mono_ms());
    }
    if (out == FLIGHT_NONE && !t->under_way) {
        t->under_way = true;
        out = FLIGHT_YOURS;
    }
    pthread_mutex_unlock(&flights->lock);
    return out;
}

bool flights_take(struct flights *flights, struct text key)
{
    pthread_mutex_lock(&flights->lock);
    struct thing *t = find_or_make(flights, key);
    bool ours = !t->under_way && known(t, clock_mono_ms()) != FLIGHT_FRESH;
    t->under_way = t->under_way || ours;
    pthread_mutex_unlock(&flights->lock);
    return ours;
}

void flights_land(struct flights *flights, struct text key, enum flight outcome, int64_t until_ms,
                  int64_t stale_ms)
{
    pthread_mutex_lock(&flights->lock);
    struct thing *t = find_or_make(flights, key);
    t->under_way = false;
    t->outcome = outcome;
    t->until_ms = t->forgotten ? 0 : until_ms;
    t->stale_until_ms = t->forgotten ? 0 : until_ms + stale_ms;
    t->forgotten = false;
    pthread_cond_broadcast(&flights->landed);
    pthread_mutex_unlock(&flights->lock);
}

static void forget(struct thing *t)
{
    t->until_ms = t->stale_until_ms = 0;
    t->forgotten = t->under_way;
}

void flights_forget(struct flights *flights, struct text key)
{
    pthread_mutex_lock(&flights->lock);
    struct thing *t = find(flights, key);
    if (t != NULL)
        forget(t);
    pthread_mutex_unlock(&flights->lock);
}

void flights_forget_all(struct flights *flights)
{
    pthread_mutex_lock(&flights->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct thing *t = flights->all[i]; t != NULL; t = t->next)
            forget(t);
    pthread_mutex_unlock(&flights->lock);
}

void flights_use(struct flights *flights, struct text key)
{
    pthread_mutex_lock(&flights->lock);
    find_or_make(flights, key)->used = true;
    pthread_mutex_unlock(&flights->lock);
}

void flights_used(struct flights *flights, void (*fn)(void *arg, struct text key), void *arg)
{
    pthread_mutex_lock(&flights->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct thing *t = flights->all[i]; t != NULL; t = t->next) {
            if (t->used)
                fn(arg, text_n(t->key, t->len));
            t->used = false;
        }
    }
    pthread_mutex_unlock(&flights->lock);
}
