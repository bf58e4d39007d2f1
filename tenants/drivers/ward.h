/*
 * The server's end of one warden: its socket, its lines, its end. Inside drivers/ only, on the
 * keeper's thread.
 */
#pragma once

#include "core/buf.h"
#include "core/loop.h"
#include "tenants/driver.h"

struct ward;

struct ward_events {
    void *arg;
    /* Connected and greeted. Once, if at all. */
    void (*greeted)(void *arg, struct ward *ward);
    void (*status)(void *arg, struct ward *ward, struct text json);
    /* The sandbox ended, or the warden went away. Once; nothing follows. The ward is freed after
     * it. */
    void (*ended)(void *arg, struct ward *ward, const struct instance_end *end);
};

struct ward {
    char instance[32];
    int64_t generation;
    bool ready, greeted;
    driver_done_fn *done; /* of the slot that waits for it; NULL: none */
    void *done_arg;
    struct ward *next;
    /* below: ward.c's own */
    struct loop *loop;
    struct ward_events events;
    char folder[400];
    struct loop_watch watch;
    struct loop_timer timer;
    int64_t give_up_ms;
    struct buf in;
    bool dead;
};

/* Connects to FOLDER/warden.sock, trying again until patience_ms is over: a starting warden binds
 * it soon. One that then does not greet within ten seconds counts as gone; it may still hold the
 * instance. */
struct ward *ward_new(struct loop *loop, const char *instance, const char *folder,
                      int64_t patience_ms, const struct ward_events *events);
/* One JSON line; a warden that does not take it counts as gone. */
void ward_say(struct ward *ward, struct text line);
