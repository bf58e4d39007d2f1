/*
 * An immutable, refcounted value that one thread replaces and many read: sessions, tokens, package
 * visibility, routes. Readers take it, read, drop it; nobody changes it after it was put.
 * Embed struct snapshot as the first member.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

struct snapshot {
    atomic_uint refs;
    void (*free)(struct snapshot *s);
};

struct snapshot_slot {
    pthread_mutex_t lock; /* held for a pointer copy only */
    struct snapshot *now;
};

void snapshot_init(struct snapshot *s, void (*free_fn)(struct snapshot *)); /* one reference */
void snapshot_slot_init(struct snapshot_slot *slot);
/* A reference to what is current, NULL before the first put. */
struct snapshot *snapshot_take(struct snapshot_slot *slot);
void snapshot_hold(struct snapshot *s);
void snapshot_drop(struct snapshot *s); /* NULL is fine */
/* Replaces what is current; takes over the caller's reference. */
void snapshot_put(struct snapshot_slot *slot, struct snapshot *s);
