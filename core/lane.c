#include "core/lane.h"

#include "core/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define PATIENT 10

struct work {
    void (*fn)(void *);
    void *arg;
};

struct lane {
    pthread_mutex_t lock;
    pthread_cond_t some; /* work, or the end */
    struct work *ring;
    size_t size, first, count;
    bool stopping, patient;
    unsigned n_threads;
    pthread_t *threads;
    char name[16];
};

static void *run(void *arg)
{
    struct lane *lane = arg;

    pthread_setname_np(pthread_self(), lane->name);
    if (lane->patient)
        (void)setpriority(PRIO_PROCESS, 0, PATIENT); /* of this thread alone (setpriority(2)) */
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        while (lane->count == 0 && !lane->stopping)
            pthread_cond_wait(&lane->some, &lane->lock);
        if (lane->count == 0)
            break;
        struct work w = lane->ring[lane->first];
        lane->first = (lane->first + 1) % lane->size;
        lane->count--;
        pthread_mutex_unlock(&lane->lock);
        w.fn(w.arg);
        pthread_mutex_lock(&lane->lock);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

static struct lane *make(const char *name, unsigned threads, size_t max_waiting, bool patient)
{
    struct lane *lane = xcalloc(1, sizeof(*lane));

    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->some, NULL);
    lane->patient = patient;
    lane->size = max_waiting > 0 ? max_waiting : 1;
    lane->ring = xcalloc(lane->size, sizeof(*lane->ring));
    lane->n_threads = threads > 0 ? threads : 1;
    lane->threads = xcalloc(lane->n_threads, sizeof(*lane->threads));
    snprintf(lane->name, sizeof(lane->name), "%s", name);
    for (unsigned i = 0; i < lane->n_threads; i++)
        if (pthread_create(&lane->threads[i], NULL, run, lane) != 0)
            abort(); /* no threads at start: nothing could work */
    return lane;
}

struct lane *lane_new(const char *name, unsigned threads, size_t max_waiting)
{
    return make(name, threads, max_waiting, false);
}

struct lane *lane_new_patient(const char *name, unsigned threads, size_t max_waiting)
{
    return make(name, threads, max_waiting, true);
}

bool lane_post(struct lane *lane, void (*fn)(void *), void *arg)
{
    bool room;

    pthread_mutex_lock(&lane->lock);
    room = lane->count < lane->size && !lane->stopping;
    if (room) {
        lane->ring[(lane->first + lane->count) % lane->size] = (struct work){fn, arg};
        lane->count++;
        pthread_cond_signal(&lane->some);
    }
    pthread_mutex_unlock(&lane->lock);
    return room;
}

size_t lane_waiting(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    size_t n = lane->count;
    pthread_mutex_unlock(&lane->lock);
    return n;
}

void lane_stop(struct lane *lane)
{
    if (lane == NULL)
        return;
    pthread_mutex_lock(&lane->lock);
    lane->stopping = true;
    pthread_cond_broadcast(&lane->some);
    pthread_mutex_unlock(&lane->lock);
    for (unsigned i = 0; i < lane->n_threads; i++)
        pthread_join(lane->threads[i], NULL);
    pthread_mutex_destroy(&lane->lock);
    pthread_cond_destroy(&lane->some);
    free(lane->threads);
    free(lane->ring);
    free(lane);
}
