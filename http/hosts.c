#include "http/hosts.h"

#include "core/pool.h"

#include <stdlib.h>

/* What outlives one map: counted by the maps that name it and by who holds it. */
struct activity {
    struct host_activity seen; /* first: entries point at it */
    atomic_uint refs;
};

struct map {
    struct snapshot base;
    struct pool *pool;
    size_t mask;
    struct host_entry **by_host; /* open addressing, mask + 1 slots, at most half full */
    struct host_entry **by_instance;
    struct host_entry *entries;
    size_t n;
};

struct hosts {
    struct snapshot_slot slot;
    pthread_mutex_t lock; /* puts and hooks, not look-ups */
    void (*wanted)(void *arg, const char *instance);
    void *wanted_arg;
    void (*on_put)(void *arg);
    void *on_put_arg;
};

struct host_activity *host_activity_hold(struct host_activity *seen)
{
    atomic_fetch_add(&((struct activity *)seen)->refs, 1);
    return seen;
}

void host_activity_drop(struct host_activity *seen)
{
    struct activity *activity = (struct activity *)seen;
    if (atomic_fetch_sub(&activity->refs, 1) == 1)
        free(activity);
}

static void map_free(struct snapshot *s)
{
    struct map *map = (struct map *)s;
    for (size_t i = 0; i < map->n; i++)
        host_activity_drop(map->entries[i].activity);
    pool_free(map->pool);
    free(map);
}

static struct host_entry **slot_of(struct host_entry **table, size_t mask, struct text key,
                                   bool instance)
{
    size_t i = (size_t)text_hash(key) & mask;
    while (table[i] != NULL && !text_is(key, instance ? table[i]->instance : table[i]->host))
        i = (i + 1) & mask;
    return &table[i];
}

static struct map *map_new(size_t n)
{
    size_t slots = 16;
    while (slots < n * 2)
        slots *= 2;
    struct map *map = xcalloc(1, sizeof(*map));
    snapshot_init(&map->base, map_free);
    map->pool = pool_new();
    map->mask = slots - 1;
    map->by_host = pool_zalloc(map->pool, slots * sizeof(struct host_entry *));
    map->by_instance = pool_zalloc(map->pool, slots * sizeof(struct host_entry *));
    map->entries = pool_zalloc(map->pool, (n + 1) * sizeof(struct host_entry));
    return map;
}

static const char *copy(struct pool *pool, const char *s)
{
    return s != NULL ? pool_strdup(pool, s) : NULL;
}

static struct host_activity *activity_new(void)
{
    struct activity *activity = xcalloc(1, sizeof(*activity));
    atomic_store(&activity->refs, 1);
    return &activity->seen;
}

static void map_add(struct map *map, const struct host_entry *from, const struct map *before)
{
    struct host_entry **host = slot_of(map->by_host, map->mask, text_of(from->host), false);
    if (*host != NULL)
        return;
    struct host_entry *entry = &map->entries[map->n++];
    *entry = *from;
    entry->host = copy(map->pool, from->host);
    entry->instance = copy(map->pool, from->instance);
    entry->slug = copy(map->pool, from->slug);
    entry->tenant = copy(map->pool, from->tenant);
    entry->cause = copy(map->pool, from->cause);
    entry->socket = copy(map->pool, from->socket);
    entry->title = copy(map->pool, from->title);
    entry->look = copy(map->pool, from->look);
    *host = entry;
    struct text id = text_of(entry->instance);
    struct host_entry **instance = slot_of(map->by_instance, map->mask, id, true);
    const struct host_entry *known = *instance;
    if (known == NULL && before != NULL)
        known = *slot_of(before->by_instance, before->mask, id, true);
    entry->activity = known != NULL ? host_activity_hold(known->activity) : activity_new();
    if (*instance == NULL || ((*instance)->face != FACE_EDITOR && entry->face == FACE_EDITOR))
        *instance = entry;
}

struct hosts *hosts_new(void)
{
    struct hosts *hosts = xcalloc(1, sizeof(*hosts));
    snapshot_slot_init(&hosts->slot);
    pthread_mutex_init(&hosts->lock, NULL);
    snapshot_put(&hosts->slot, &map_new(0)->base);
    return hosts;
}

void hosts_free(struct hosts *hosts)
{
    if (hosts == NULL)
        return;
    struct snapshot *now = snapshot_take(&hosts->slot);
    snapshot_put(&hosts->slot, NULL);
    snapshot_drop(now);
    pthread_mutex_destroy(&hosts->slot.lock);
    pthread_mutex_destroy(&hosts->lock);
    free(hosts);
}

void hosts_put(struct hosts *hosts, const struct host_entry *entries, size_t n)
{
    pthread_mutex_lock(&hosts->lock);
    struct snapshot *before = snapshot_take(&hosts->slot);
    struct map *map = map_new(n);
    for (size_t i = 0; i < n; i++)
        map_add(map, &entries[i], (const struct map *)before);
    snapshot_put(&hosts->slot, &map->base);
    snapshot_drop(before);
    if (hosts->on_put != NULL)
        hosts->on_put(hosts->on_put_arg);
    pthread_mutex_unlock(&hosts->lock);
}

struct snapshot *hosts_take(struct hosts *hosts)
{
    return snapshot_take(&hosts->slot);
}

const struct host_entry *hosts_find(struct snapshot *s, struct text host)
{
    const struct map *map = (const struct map *)s;
    return *slot_of(map->by_host, map->mask, host, false);
}

const struct host_entry *hosts_find_instance(struct snapshot *s, struct text instance)
{
    const struct map *map = (const struct map *)s;
    return *slot_of(map->by_instance, map->mask, instance, true);
}

void hosts_on_wanted(struct hosts *hosts, void (*fn)(void *arg, const char *instance), void *arg)
{
    pthread_mutex_lock(&hosts->lock);
    hosts->wanted = fn;
    hosts->wanted_arg = arg;
    pthread_mutex_unlock(&hosts->lock);
}

void hosts_wanted(struct hosts *hosts, const char *instance)
{
    pthread_mutex_lock(&hosts->lock);
    void (*fn)(void *arg, const char *instance) = hosts->wanted;
    void *arg = hosts->wanted_arg;
    pthread_mutex_unlock(&hosts->lock);
    if (fn != NULL)
        fn(arg, instance);
}

void hosts_on_put(struct hosts *hosts, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&hosts->lock);
    hosts->on_put = fn;
    hosts->on_put_arg = arg;
    pthread_mutex_unlock(&hosts->lock);
}
