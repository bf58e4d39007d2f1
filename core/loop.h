/*
 * A small event loop for threads that wait for several things and never block: the keeper, the
 * broker, the warden. epoll, monotonic timers, messages from other threads. (The HTTP loops are
 * h2o's.) All calls but loop_post and loop_stop belong to the loop's thread. A callback is never
 * called from inside the function that took it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct loop;

struct loop *loop_new(struct err *err);
void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop); /* any thread; async-signal-safe */
void loop_free(struct loop *loop);
/* Runs fn(arg) on the loop's thread, in the order posted. Any thread. */
void loop_post(struct loop *loop, void (*fn)(void *), void *arg);

/* A timer the caller embeds; zero it before first use. */
struct loop_timer {
    void (*fn)(void *arg);
    void *arg;
    /* below: not written by callers */
    int64_t at_ms;
    uint64_t arming;
    bool armed;
    struct loop_timer *next, *prev;
};
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer); /* idle is fine */

/* A watched descriptor the caller embeds; zero it before first use. events: EPOLLIN, EPOLLOUT… */
struct loop_watch {
    void (*fn)(void *arg, uint32_t events);
    void *arg;
    int fd;
    /* below: not written by callers */
    uint32_t events;
    bool added;
    struct loop_watch *next_dead;
};
int loop_watch_set(struct loop *loop, struct loop_watch *watch, uint32_t events, struct err *err);
void loop_watch_clear(struct loop *loop, struct loop_watch *watch);
