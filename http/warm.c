#include "http/warm.h"

#include "http/content.h"
#include "http/file.h"
#include "http/request.h"
#include "http/warm_part.h"

#include "core/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SHARDS 64
#define BUCKETS 64

struct entry {
    struct text key; /* group, a space, name; ours */
    size_t group_len;
    struct content *content;
    char etag[WARM_ETAG];
    uint64_t hash;
    atomic_llong used_ms;
    struct entry *next;
};

struct shard {
    pthread_mutex_t lock;
    uint64_t drops; /* of groups in this shard, so far */
    struct entry *buckets[BUCKETS];
};

struct warm {
    struct shard shards[SHARDS];
    size_t memory, open_files; /* the most */
    atomic_size_t memory_used, open_used;
    pthread_mutex_t evicting;
};

struct warm *warm_new(size_t memory, size_t open_files)
{
    struct warm *warm = xcalloc(1, sizeof *warm);
    warm->memory = memory;
    warm->open_files = open_files;
    pthread_mutex_init(&warm->evicting, NULL);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&warm->shards[i].lock, NULL);
    return warm;
}

/* A group lies in one shard. */
static struct shard *shard_of(struct warm *warm, struct text group)
{
    return &warm->shards[text_hash(group) % SHARDS];
}

static struct entry **slot_of(struct shard *shard, struct text group, struct text name,
                              uint64_t hash)
{
    struct entry **slot = &shard->buckets[hash % BUCKETS];
    while (*slot != NULL && !((*slot)->hash == hash && (*slot)->group_len == group.len &&
                              text_eq(text_sub((*slot)->key, 0, group.len), group) &&
                              text_eq(text_sub((*slot)->key, group.len + 1, SIZE_MAX), name)))
        slot = &(*slot)->next;
    return slot;
}

static void count(struct warm *warm, const struct content *content, bool more)
{
    size_t memory = (size_t)content_memory(content), open = content_fd(content) >= 0 ? 1 : 0;
    if (more) {
        atomic_fetch_add(&warm->memory_used, memory);
        atomic_fetch_add(&warm->open_used, open);
    } else {
        atomic_fetch_sub(&warm->memory_used, memory);
        atomic_fetch_sub(&warm->open_used, open);
    }
}

/* With the shard's lock held. */
static void unlist(struct warm *warm, struct entry **slot)
{
    struct entry *entry = *slot;
    *slot = entry->next;
    count(warm, entry->content, false);
    content_drop(entry->content);
    free((char *)(uintptr_t)entry->key.base);
    free(entry);
}

/* Drops what test holds for. */
static void drop_where(struct warm *warm, struct shard *shard,
                       bool (*test)(const void *arg, const struct entry *entry), const void *arg)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry **slot = &shard->buckets[i]; *slot != NULL;) {
            if (test(arg, *slot))
                unlist(warm, slot);
            else
                slot = &(*slot)->next;
        }
    }
}

static bool is_any(const void *arg, const struct entry *entry)
{
    return true;
}

static bool is_of_group(const void *arg, const struct entry *entry)
{
    const struct text *group = arg;
    return entry->group_len == group->len && text_eq(text_sub(entry->key, 0, group->len), *group);
}

static bool is_older(const void *arg, const struct entry *entry)
{
    const long long *than = arg;
    return atomic_load(&entry->used_ms) <= *than;
}

void warm_free(struct warm *warm)
{
    if (warm == NULL)
        return;
    warm_drop_all(warm);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&warm->shards[i].lock);
    pthread_mutex_destroy(&warm->evicting);
    free(warm);
}

struct content *warm_find(struct warm *warm, struct text group, struct text name,
                          char etag[WARM_ETAG])
{
    struct shard *shard = shard_of(warm, group);
    struct content *content = NULL;
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = *slot_of(shard, group, name, text_hash(name));
    if (entry != NULL) {
        content = content_hold(entry->content);
        memcpy(etag, entry->etag, WARM_ETAG);
        atomic_store_explicit(&entry->used_ms, clock_mono_ms(), memory_order_relaxed);
    }
    pthread_mutex_unlock(&shard->lock);
    return content;
}

bool warm_answer(struct warm *warm, struct call *c, const char *mime, struct text group,
                 struct text name)
{
    char etag[WARM_ETAG];
    struct content *content = warm_find(warm, group, name, etag);
    if (content == NULL)
        return false;
    file_answer(c, mime, content, text_dup(c->pool, text_of(etag)));
    content_drop(content);
    return true;
}

uint64_t warm_moment(struct warm *warm, struct text group)
{
    struct shard *shard = shard_of(warm, group);
    pthread_mutex_lock(&shard->lock);
    uint64_t drops = shard->drops;
    pthread_mutex_unlock(&shard->lock);
    return drops;
}

static bool is_full(struct warm *warm)
{
    return atomic_load(&warm->memory_used) > warm->memory ||
           atomic_load(&warm->open_used) > warm->open_files;
}

/* Takes the older half of what is there, by its last use, until it fits. */
static void evict(struct warm *warm)
{
    pthread_mutex_lock(&warm->evicting);
    while (is_full(warm)) {
        long long oldest = INT64_MAX, now = clock_mono_ms();
        for (size_t i = 0; i < SHARDS; i++) {
            struct shard *shard = &warm->shards[i];
            pthread_mutex_lock(&shard->lock);
            for (size_t k = 0; k < BUCKETS; k++)
                for (struct entry *e = shard->buckets[k]; e != NULL; e = e->next)
                    if (atomic_load(&e->used_ms) < oldest)
                        oldest = atomic_load(&e->used_ms);
            pthread_mutex_unlock(&shard->lock);
        }
        long long than = oldest + (now - oldest) / 2;
        for (size_t i = 0; i < SHARDS; i++) {
            pthread_mutex_lock(&warm->shards[i].lock);
            drop_where(warm, &warm->shards[i], is_older, &than);
            pthread_mutex_unlock(&warm->shards[i].lock);
        }
    }
    pthread_mutex_unlock(&warm->evicting);
}

static struct entry *entry_new(struct text group, struct text name, struct content *content,
                               struct text etag)
{
    struct entry *entry = xcalloc(1, sizeof *entry);
    size_t len = group.len + 1 + name.len;
    char *key = xmalloc(len + 1);
    memcpy(key, group.base, group.len);
    key[group.len] = ' ';
    memcpy(key + group.len + 1, name.base, name.len);
    entry->key = text_n(key, len);
    entry->group_len = group.len;
    entry->hash = text_hash(name);
    entry->content = content_hold(content);
    memcpy(entry->etag, etag.base, etag.len);
    atomic_init(&entry->used_ms, clock_mono_ms());
    return entry;
}

void warm_keep(struct warm *warm, struct text group, struct text name, uint64_t moment,
               struct content *content, struct text etag)
{
    struct shard *shard = shard_of(warm, group);
    if (etag.len >= WARM_ETAG)
        return;
    pthread_mutex_lock(&shard->lock);
    struct entry **slot = slot_of(shard, group, name, text_hash(name));
    if (shard->drops == moment && *slot == NULL) {
        *slot = entry_new(group, name, content, etag);
        count(warm, content, true);
    }
    pthread_mutex_unlock(&shard->lock);
    if (is_full(warm))
        evict(warm);
}

void warm_file(struct warm *warm, struct call *c, const char *mime, const struct warm_file *file)
{
    struct err err;
    struct content *content = content_open(file->fd, file->bytes, &err);
    if (content == NULL) {
        call_fail(c, &err);
        return;
    }
    warm_keep(warm, file->group, file->name, file->moment, content, file->etag);
    file_answer(c, mime, content, file->etag);
    content_drop(content);
}

static void drop(struct warm *warm, struct shard *shard,
                 bool (*test)(const void *arg, const struct entry *entry), const void *arg)
{
    pthread_mutex_lock(&shard->lock);
    shard->drops++;
    drop_where(warm, shard, test, arg);
    pthread_mutex_unlock(&shard->lock);
}

void warm_drop(struct warm *warm, struct text group)
{
    drop(warm, shard_of(warm, group), is_of_group, &group);
}

void warm_drop_all(struct warm *warm)
{
    for (size_t i = 0; i < SHARDS; i++)
        drop(warm, &warm->shards[i], is_any, NULL);
}
