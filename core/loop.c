#include "core/loop.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 64

struct message {
    void (*fn)(void *);
    void *arg;
    struct message *next;
};

struct loop {
    int epoll, wake;
    atomic_bool stopping;
    pthread_mutex_t lock; /* guards first, last */
    struct message *first, **last;
    struct loop_timer *timers; /* by time, soonest first; of the same time, as they were set */
    uint64_t armings;
    /* watches cleared while their events are being handed out */
    struct epoll_event *now;
    int now_n;
};

struct loop *loop_new(struct err *err)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->last = &loop->first;
    pthread_mutex_init(&loop->lock, NULL);
    if (loop->epoll < 0 || loop->wake < 0 ||
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) != 0) {
        err_errno(err, "The event loop cannot be made");
        loop_free(loop);
        return NULL;
    }
    return loop;
}

static void wake(struct loop *loop)
{
    uint64_t one = 1;

    (void)!write(loop->wake, &one, sizeof(one));
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    wake(loop);
}

void loop_post(struct loop *loop, void (*fn)(void *), void *arg)
{
    struct message *m = xmalloc(sizeof(*m));

    *m = (struct message){fn, arg, NULL};
    pthread_mutex_lock(&loop->lock);
    *loop->last = m;
    loop->last = &m->next;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

static void run_messages(struct loop *loop)
{
    uint64_t count;

    (void)!read(loop->wake, &count, sizeof(count));
    pthread_mutex_lock(&loop->lock);
    struct message *m = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    while (m != NULL) {
        struct message *next = m->next;
        m->fn(m->arg);
        free(m);
        m = next;
    }
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
    if (!timer->armed)
        return;
    if (timer->prev != NULL)
        timer->prev->next = timer->next;
    else
        loop->timers = timer->next;
    if (timer->next != NULL)
        timer->next->prev = timer->prev;
    timer->next = timer->prev = NULL;
    timer->armed = false;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t delay_ms)
{
    struct loop_timer *after = NULL, *at;

    loop_timer_clear(loop, timer);
    timer->at_ms = clock_mono_ms() + (delay_ms > 0 ? delay_ms : 0);
    for (at = loop->timers; at != NULL && at->at_ms <= timer->at_ms; at = at->next)
        after = at;
    timer->prev = after;
    timer->next = at;
    if (at != NULL)
        at->prev = timer;
    if (after != NULL)
        after->next = timer;
    else
        loop->timers = timer;
    timer->armed = true;
    timer->arming = ++loop->armings;
}

static void run_timers(struct loop *loop)
{
    int64_t now = clock_mono_ms();
    uint64_t last = loop->armings;

    /* What a callback sets waits for the next round, or one that sets itself would hold up all. */
    while (loop->timers != NULL && loop->timers->at_ms <= now && loop->timers->arming <= last) {
        struct loop_timer *timer = loop->timers;
        loop_timer_clear(loop, timer);
        timer->fn(timer->arg);
    }
}

int loop_watch_set(struct loop *loop, struct loop_watch *watch, uint32_t events, struct err *err)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (watch->added && watch->events == events)
        return 0;
    if (epoll_ctl(loop->epoll, watch->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event) !=
        0)
        return err_errno(err, "Descriptor %d cannot be watched", watch->fd);
    watch->added = true;
    watch->events = events;
    return 0;
}

void loop_watch_clear(struct loop *loop, struct loop_watch *watch)
{
    if (!watch->added)
        return;
    (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->added = false;
    /* Its event may lie in the batch that is being handed out. */
    for (int i = 0; i < loop->now_n; i++)
        if (loop->now[i].data.ptr == watch)
            loop->now[i].events = 0;
}

static int next_wait(const struct loop *loop)
{
    if (loop->timers == NULL)
        return -1;
    int64_t wait = loop->timers->at_ms - clock_mono_ms();
    return wait < 0 ? 0 : wait > 60000 ? 60000 : (int)wait;
}

void loop_run(struct loop *loop)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    while (!atomic_load(&loop->stopping)) {
        int n = epoll_wait(loop->epoll, events, EVENTS_AT_ONCE, next_wait(loop));
        loop->now = events;
        loop->now_n = n > 0 ? n : 0;
        for (int i = 0; i < loop->now_n; i++) {
            struct loop_watch *watch = events[i].data.ptr;
            if (watch == NULL)
                run_messages(loop);
            else if (events[i].events != 0)
                watch->fn(watch->arg, events[i].events);
        }
        loop->now_n = 0;
        run_timers(loop);
    }
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    while (loop->first != NULL) {
        struct message *m = loop->first;
        loop->first = m->next;
        free(m);
    }
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->wake >= 0)
        close(loop->wake);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}
