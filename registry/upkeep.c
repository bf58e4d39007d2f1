#include "registry/upkeep.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/log.h"
#include "core/pool.h"
#include "registry/area.h"
#include "registry/catalogue/pick.h"
#include "registry/downloads.h"
#include "registry/move/move.h"
#include "registry/signature/signature.h"
#include "registry/stage/stage.h"
#include "registry/stock/stock.h"

#include <stdlib.h>
#include <time.h>

#define PAUSE_MS 50         /* between two steps of much work: others want the writer too */
#define REST_MS (60 * 1000) /* when there is nothing to do */
#define SIGNED_AT_ONCE 200
#define MOVED_KEPT_MS (14ll * 86400 * 1000) /* what was brought and never shown */

struct upkeep {
    struct registry *registry;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
};

/* False: the end was asked for. */
static bool rest(struct upkeep *u, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&u->lock);
    while (!u->stopping && pthread_cond_timedwait(&u->wake, &u->lock, &until) == 0)
        ;
    bool go_on = !u->stopping;
    pthread_mutex_unlock(&u->lock);
    return go_on;
}

/* True: there is more to do at once. */
static bool sign(struct registry *r)
{
    unsigned n = 0;
    struct err err;
    if (r->signing == NULL)
        return false;
    if (signing_catch_up(r->signing, r->config.ready, SIGNED_AT_ONCE, &n, &err) != 0) {
        log_error("registry", err.text, NULL);
        return false;
    }
    return n == SIGNED_AT_ONCE;
}

static void count(struct registry *r)
{
    struct err err;
    if (downloads_flush(r->downloads, &err) != 0)
        log_error("registry", err.text, NULL);
}

static void look_at_moves(struct registry *r)
{
    struct err err;
    moves_look(r->moves);
    if (move_forget(r, clock_wall_ms() - MOVED_KEPT_MS, &err) != 0)
        log_error("registry", err.text, NULL);
}

static void look_at_stages(struct registry *r)
{
    struct err err;
    if (stage_expire(r, &err) != 0)
        log_error("registry", err.text, NULL);
}

static void *work(void *arg)
{
    struct upkeep *u = arg;
    bool more = true;
    while (rest(u, more ? PAUSE_MS : REST_MS)) {
        more = sign(u->registry);
        count(u->registry);
        if (more)
            continue;
        look_at_moves(u->registry);
        look_at_stages(u->registry);
        stock_daily(u->registry->stock);
        picks_look(u->registry->picks);
    }
    return NULL;
}

struct upkeep *upkeep_start(struct registry *registry)
{
    pthread_condattr_t attr;
    struct upkeep *u = xcalloc(1, sizeof *u);
    u->registry = registry;
    pthread_mutex_init(&u->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&u->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_create(&u->thread, NULL, work, u);
    return u;
}

void upkeep_stop(struct upkeep *upkeep)
{
    if (upkeep == NULL)
        return;
    pthread_mutex_lock(&upkeep->lock);
    upkeep->stopping = true;
    pthread_cond_signal(&upkeep->wake);
    pthread_mutex_unlock(&upkeep->lock);
    pthread_join(upkeep->thread, NULL);
    pthread_cond_destroy(&upkeep->wake);
    pthread_mutex_destroy(&upkeep->lock);
    free(upkeep);
}
