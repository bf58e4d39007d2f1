#include "http/ready.h"

#include "http/encode.h"
#include "http/ready_part.h"
#include "http/request.h"

#include "core/codec.h"
#include "core/digest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define SHARDS 512 /* many, since a drop looks through all of one */
#define BUCKETS 8
#define WAIT_S 30
#define SMALL 860 /* fits one packet either way */

struct body {
    struct text bytes; /* absent: not made, or not worth it */
    char etag[32];
};

struct ready_entry {
    atomic_uint refs;
    struct text key;
    pthread_mutex_t lock; /* one thread makes an encoding, others wait for it */
    struct body bodies[CODING_COUNT];
    bool made[CODING_COUNT]; /* looked at, maybe found not worth it */
    size_t size;             /* of all bodies; under the shard's lock like what is above */
    atomic_ullong used_ms;
    bool listed;
    struct ready_entry *next;
};

/* One worker builds; who asks meanwhile waits. */
struct flight {
    struct text key;
    unsigned refs;
    bool done;
    bool stale;                /* what it builds on has changed since it began */
    struct ready_entry *entry; /* held; NULL: failed */
    struct err err;
    struct flight *next;
};

struct shard {
    pthread_mutex_t lock;
    pthread_cond_t landed;
    struct ready_entry *buckets[BUCKETS];
    struct flight *flights;
};

struct ready {
    struct shard shards[SHARDS];
    size_t budget;
    atomic_size_t size;
    pthread_mutex_t evicting;
};

struct ready *ready_new(size_t budget_bytes)
{
    struct ready *ready = xcalloc(1, sizeof(*ready));
    ready->budget = budget_bytes;
    pthread_mutex_init(&ready->evicting, NULL);
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&ready->shards[i].lock, NULL);
        pthread_cond_init(&ready->shards[i].landed, NULL);
    }
    return ready;
}

void ready_entry_drop(struct ready_entry *entry)
{
    if (entry == NULL || atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < CODING_COUNT; i++)
        free((char *)(uintptr_t)entry->bodies[i].bytes.base);
    pthread_mutex_destroy(&entry->lock);
    free((char *)(uintptr_t)entry->key.base);
    free(entry);
}

static struct ready_entry *hold(struct ready_entry *entry)
{
    atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
    return entry;
}

/* On the heap, never absent. */
static struct text copy(struct text t)
{
    char *to = xmalloc(t.len + 1);
    if (t.len > 0)
        memcpy(to, t.base, t.len);
    return text_n(to, t.len);
}

/* Look-ups, with the shard's lock held. */

/* The end of a key's second word; SIZE_MAX when it has no more than one and a half. */
static size_t group_end(struct text key)
{
    size_t first = text_find(key, ' ', 0);
    return first == SIZE_MAX ? SIZE_MAX : text_find(key, ' ', first + 1);
}

/* A group lies in one shard. */
static struct shard *shard_of(struct ready *ready, struct text key)
{
    return &ready->shards[text_hash(text_sub(key, 0, group_end(key))) % SHARDS];
}

static struct ready_entry **slot_of(struct shard *shard, struct text key)
{
    struct ready_entry **slot = &shard->buckets[text_hash(key) / SHARDS % BUCKETS];
    while (*slot != NULL && !text_eq((*slot)->key, key))
        slot = &(*slot)->next;
    return slot;
}

static struct flight *find_flight(struct shard *shard, struct text key)
{
    for (struct flight *f = shard->flights; f != NULL; f = f->next) {
        if (text_eq(f->key, key))
            return f;
    }
    return NULL;
}

static void unlist(struct ready *ready, struct ready_entry **slot)
{
    struct ready_entry *entry = *slot;
    *slot = entry->next;
    entry->listed = false;
    atomic_fetch_sub(&ready->size, entry->size + entry->key.len);
    ready_entry_drop(entry);
}

static void unlist_flight(struct shard *shard, struct flight *flight)
{
    for (struct flight **f = &shard->flights; *f != NULL; f = &(*f)->next) {
        if (*f == flight) {
            *f = flight->next;
            return;
        }
    }
}

void ready_free(struct ready *ready)
{
    if (ready == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &ready->shards[i];
        for (size_t k = 0; k < BUCKETS; k++) {
            while (shard->buckets[k] != NULL)
                unlist(ready, &shard->buckets[k]);
        }
        pthread_mutex_destroy(&shard->lock);
        pthread_cond_destroy(&shard->landed);
    }
    pthread_mutex_destroy(&ready->evicting);
    free(ready);
}

/* The budget. */

struct candidate {
    uint64_t used_ms;
    struct ready_entry *entry; /* held */
};

static int by_age(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->used_ms > y->used_ms) - (x->used_ms < y->used_ms);
}

static size_t list_all(struct ready *ready, struct candidate **out)
{
    size_t n = 0, room = 0;
    *out = NULL;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &ready->shards[i];
        pthread_mutex_lock(&shard->lock);
        for (size_t k = 0; k < BUCKETS; k++) {
            for (struct ready_entry *e = shard->buckets[k]; e != NULL; e = e->next) {
                if (n == room) {
                    room = room == 0 ? 256 : room * 2;
                    *out = xrealloc(*out, room * sizeof(**out));
                }
                (*out)[n++] = (struct candidate){atomic_load(&e->used_ms), hold(e)};
            }
        }
        pthread_mutex_unlock(&shard->lock);
    }
    return n;
}

/* Down to seven eighths, so that it is not done for every new body. */
static void keep_budget(struct ready *ready)
{
    if (atomic_load(&ready->size) <= ready->budget || pthread_mutex_trylock(&ready->evicting) != 0)
        return;
    struct candidate *all;
    size_t n = list_all(ready, &all);
    qsort(all, n, sizeof(*all), by_age);
    for (size_t i = 0; i < n; i++) {
        struct text key = all[i].entry->key;
        struct shard *shard = shard_of(ready, key);
        pthread_mutex_lock(&shard->lock);
        struct ready_entry **slot = slot_of(shard, key);
        if (*slot == all[i].entry && atomic_load(&ready->size) > ready->budget / 8 * 7)
            unlist(ready, slot);
        pthread_mutex_unlock(&shard->lock);
        ready_entry_drop(all[i].entry);
    }
    free(all);
    pthread_mutex_unlock(&ready->evicting);
}

/* Answering. */

/* The best encoding the client takes. CODING_COUNT: one that has not been made yet, *missing. */
static enum coding choose(const struct ready_entry *entry, unsigned taken, enum coding *missing)
{
    static const enum coding order[] = {CODING_ZSTD, CODING_GZIP, CODING_PLAIN};
    for (size_t i = 0; i < CODING_COUNT; i++) {
        enum coding coding = order[i];
        if ((taken & (1u << coding)) == 0)
            continue;
        if (!entry->made[coding]) {
            *missing = coding;
            return CODING_COUNT;
        }
        if (entry->bodies[coding].bytes.base != NULL)
            return coding;
    }
    return CODING_PLAIN;
}

static unsigned taken_by(const struct call *c)
{
    return negotiate_codings(call_header(c, "accept-encoding"));
}

/* Takes over the reference. bodies[coding] is written once, before anybody chooses it. */
static void answer(struct call *c, struct ready_entry *entry, enum coding coding, const char *mime)
{
    static const struct text names[] = {[CODING_GZIP] = {"gzip", 4}, [CODING_ZSTD] = {"zstd", 4}};
    const struct body *body = &entry->bodies[coding];
    struct text etag = text_of(body->etag);
    struct answer *a = call_answer(c);
    a->ready = entry;
    answer_set(c, "etag", etag);
    answer_set(c, "vary", TEXT("accept-encoding"));
    if (negotiate_has(call_header(c, "if-none-match"), etag)) {
        (void)answer_begin(c, 304);
        return;
    }
    if (coding != CODING_PLAIN)
        answer_set(c, "content-encoding", names[coding]);
    call_bytes(c, 200, mime, body->bytes);
}

static uint64_t now_of(const struct call *c)
{
    return http_loop_now(((const struct request *)c->http)->loop);
}

bool ready_answer(struct ready *ready, struct call *c, struct text key, const char *mime)
{
    struct shard *shard = shard_of(ready, key);
    unsigned taken = taken_by(c);
    enum coding coding = CODING_COUNT, missing = CODING_PLAIN;
    pthread_mutex_lock(&shard->lock);
    struct ready_entry *entry = *slot_of(shard, key);
    if (entry != NULL && (coding = choose(entry, taken, &missing)) != CODING_COUNT)
        hold(entry);
    pthread_mutex_unlock(&shard->lock);
    if (coding == CODING_COUNT)
        return false;
    atomic_store_explicit(&entry->used_ms, now_of(c), memory_order_relaxed);
    answer(c, entry, coding, mime);
    return true;
}

/* Building. */

static void name_body(struct body *body, struct text digest, const char *suffix)
{
    (void)snprintf(body->etag, sizeof(body->etag), "\"%.*s%s\"", 22, digest.base, suffix);
}

static struct ready_entry *entry_new(struct call *c, struct text key, struct text bytes)
{
    unsigned char sum[SHA256_BYTES];
    struct ready_entry *entry = xcalloc(1, sizeof(*entry));
    atomic_store(&entry->refs, 1);
    atomic_store(&entry->used_ms, now_of(c));
    pthread_mutex_init(&entry->lock, NULL);
    entry->key = copy(key);
    sha256(bytes, sum);
    struct text digest = b64url_encode(c->pool, sum, sizeof(sum));
    name_body(&entry->bodies[CODING_PLAIN], digest, "");
    name_body(&entry->bodies[CODING_GZIP], digest, "-g");
    name_body(&entry->bodies[CODING_ZSTD], digest, "-z");
    entry->bodies[CODING_PLAIN].bytes = copy(bytes);
    entry->size = bytes.len;
    entry->made[CODING_PLAIN] = true;
    entry->made[CODING_GZIP] = entry->made[CODING_ZSTD] = bytes.len < SMALL;
    return entry;
}

static void make_coding(struct ready *ready, struct ready_entry *entry, enum coding coding)
{
    struct text key = entry->key;
    struct shard *shard = shard_of(ready, key);
    pthread_mutex_lock(&entry->lock);
    if (!entry->made[coding]) {
        struct text bytes = encode(entry->bodies[CODING_PLAIN].bytes, coding);
        pthread_mutex_lock(&shard->lock);
        entry->bodies[coding].bytes = bytes;
        entry->made[coding] = true;
        entry->size += bytes.len;
        if (entry->listed)
            atomic_fetch_add(&ready->size, bytes.len);
        pthread_mutex_unlock(&shard->lock);
    }
    pthread_mutex_unlock(&entry->lock);
}

/* Takes over the reference. */
static void answer_made(struct ready *ready, struct call *c, struct ready_entry *entry,
                        const char *mime)
{
    struct text key = entry->key;
    struct shard *shard = shard_of(ready, key);
    unsigned taken = taken_by(c);
    enum coding coding, missing = CODING_PLAIN;
    for (;;) {
        pthread_mutex_lock(&shard->lock);
        coding = choose(entry, taken, &missing);
        pthread_mutex_unlock(&shard->lock);
        if (coding != CODING_COUNT)
            break;
        make_coding(ready, entry, missing);
    }
    keep_budget(ready);
    answer(c, entry, coding, mime);
}

static void drop_flight(struct flight *flight)
{
    if (--flight->refs > 0)
        return;
    ready_entry_drop(flight->entry);
    free((char *)(uintptr_t)flight->key.base);
    free(flight);
}

/* Keeps the entry unless a drop came meanwhile, and wakes who waits. Returns a reference of ours.
 */
static void land(struct ready *ready, struct flight *flight, struct ready_entry *entry,
                 const struct err *err)
{
    struct shard *shard = shard_of(ready, flight->key);
    pthread_mutex_lock(&shard->lock);
    flight->done = true;
    flight->entry = entry != NULL ? hold(entry) : NULL;
    if (entry == NULL)
        flight->err = *err;
    if (!flight->stale)
        unlist_flight(shard, flight);
    if (!flight->stale && entry != NULL && entry->size <= ready->budget / 4) {
        struct ready_entry **slot = slot_of(shard, flight->key);
        if (*slot != NULL)
            unlist(ready, slot);
        slot = slot_of(shard, flight->key);
        entry->next = NULL;
        entry->listed = true;
        *slot = hold(entry);
        atomic_fetch_add(&ready->size, entry->size + entry->key.len);
    }
    pthread_cond_broadcast(&shard->landed);
    drop_flight(flight);
    pthread_mutex_unlock(&shard->lock);
}

/* With the shard's lock held; gives it back. */
static struct ready_entry *wait_for(struct shard *shard, struct flight *flight, struct err *err)
{
    struct timespec until;
    struct ready_entry *entry = NULL;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    flight->refs++;
    int rc = 0;
    while (!flight->done && rc == 0)
        rc = pthread_cond_timedwait(&shard->landed, &shard->lock, &until);
    if (!flight->done)
        err_set(err, ERR_UNAVAILABLE, "busy", "This takes longer than usual. Try again.");
    else if (flight->entry == NULL)
        *err = flight->err;
    else
        entry = hold(flight->entry);
    drop_flight(flight);
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

static struct flight *take_off(struct shard *shard, struct text key)
{
    struct flight *flight = xcalloc(1, sizeof(*flight));
    flight->key = copy(key);
    flight->refs = 1;
    flight->next = shard->flights;
    shard->flights = flight;
    return flight;
}

void ready_build(struct ready *ready, struct call *c, struct text key, const char *mime,
                 ready_build_fn *build, void *arg)
{
    struct shard *shard = shard_of(ready, key);
    struct err err = {.kind = ERR_INTERNAL, .code = "internal"};
    struct text bytes;
    pthread_mutex_lock(&shard->lock);
    struct ready_entry *entry = *slot_of(shard, key);
    struct flight *flight = find_flight(shard, key);
    if (entry != NULL) {
        hold(entry);
        pthread_mutex_unlock(&shard->lock);
    } else if (flight != NULL) {
        entry = wait_for(shard, flight, &err);
    } else {
        flight = take_off(shard, key);
        pthread_mutex_unlock(&shard->lock);
        if (build(arg, c->pool, key, &bytes, &err) == 0)
            entry = entry_new(c, key, bytes);
        land(ready, flight, entry, &err);
    }
    if (entry == NULL)
        call_fail(c, &err);
    else
        answer_made(ready, c, entry, mime);
}

/* Dropping. */

static void drop_entries(struct ready *ready, struct ready_entry **slot, struct text prefix)
{
    while (*slot != NULL) {
        if (text_eq(text_sub((*slot)->key, 0, prefix.len), prefix))
            unlist(ready, slot);
        else
            slot = &(*slot)->next;
    }
}

static void drop_from(struct ready *ready, struct shard *shard, struct text prefix)
{
    pthread_mutex_lock(&shard->lock);
    for (size_t k = 0; k < BUCKETS; k++)
        drop_entries(ready, &shard->buckets[k], prefix);
    for (struct flight **f = &shard->flights; *f != NULL;) {
        if (text_eq(text_sub((*f)->key, 0, prefix.len), prefix)) {
            (*f)->stale = true;
            *f = (*f)->next;
        } else {
            f = &(*f)->next;
        }
    }
    pthread_mutex_unlock(&shard->lock);
}

void ready_drop_prefix(struct ready *ready, struct text prefix)
{
    if (group_end(prefix) != SIZE_MAX)
        drop_from(ready, shard_of(ready, prefix), prefix);
    else
        for (size_t i = 0; i < SHARDS; i++)
            drop_from(ready, &ready->shards[i], prefix);
}
