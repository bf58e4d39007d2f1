#include "core/snapshot.h"

#include <stddef.h>

void snapshot_init(struct snapshot *s, void (*free_fn)(struct snapshot *))
{
    atomic_init(&s->refs, 1);
    s->free = free_fn;
}

void snapshot_slot_init(struct snapshot_slot *slot)
{
    pthread_mutex_init(&slot->lock, NULL);
    slot->now = NULL;
}

struct snapshot *snapshot_take(struct snapshot_slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    struct snapshot *s = slot->now;
    if (s != NULL)
        snapshot_hold(s);
    pthread_mutex_unlock(&slot->lock);
    return s;
}

void snapshot_hold(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

void snapshot_drop(struct snapshot *s)
{
    if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        s->free(s);
}

void snapshot_put(struct snapshot_slot *slot, struct snapshot *s)
{
    pthread_mutex_lock(&slot->lock);
    struct snapshot *old = slot->now;
    slot->now = s;
    pthread_mutex_unlock(&slot->lock);
    snapshot_drop(old);
}
