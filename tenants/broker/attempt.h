/*
 * A request that waits for something to end: tried every few milliseconds until it is done or too
 * old.
 */
#pragma once

#include "core/loop.h"
#include "tenants/broker/state.h"

struct attempt {
    struct broker *broker;
    struct asked asked; /* with descriptors of its own */
    unsigned left;      /* tries after this one */
    /* True when it replied, or handed the reply on. On the last try it must. */
    bool (*try_it)(struct attempt *a);
    /* below: not written by callers */
    struct loop_timer timer;
};

#define ATTEMPT_MS 20

/* Tries at once, then again and again; within `ms`. */
void attempt_begin(struct broker *b, const struct asked *asked, unsigned ms,
                   bool (*try_it)(struct attempt *a));
