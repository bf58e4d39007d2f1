#include "registry/uplink/breaker.h"

#include "core/clock.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/log.h"
#include "core/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define FAILURES 5         /* in a row, until it opens */
#define FIRST_REST_MS 2000 /* doubles with every failed probe */
#define LONGEST_REST_MS 60000
#define LONGEST_ASKED_MS 300000 /* of a Retry-After */
#define PROBE_MS 120000         /* a probe that never came back is no reason to wait for ever */

struct breaker {
    pthread_mutex_t lock;
    char *name;
    struct breaker_view view;
    unsigned in_row; /* failures */
    unsigned opened; /* how often in a row */
    int64_t rest_until_ms, probe_until_ms;
};

static const char *const state_names[] = {
    [BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half-open"};

const char *breaker_state_name(enum breaker_state state)
{
    return state_names[state];
}

struct breaker *breaker_new(const char *name)
{
    struct breaker *b = xcalloc(1, sizeof *b);
    pthread_mutex_init(&b->lock, NULL);
    b->name = xstrdup(name);
    return b;
}

void breaker_free(struct breaker *breaker)
{
    if (breaker == NULL)
        return;
    pthread_mutex_destroy(&breaker->lock);
    free(breaker->name);
    free(breaker);
}

/* most_ms less up to a half. */
static int64_t shorten(int64_t most_ms)
{
    uint32_t chance = 0;
    random_bytes(&chance, sizeof chance);
    return most_ms - (int64_t)(chance % (uint32_t)(most_ms / 2 + 1));
}

int64_t breaker_backoff_ms(unsigned n)
{
    int64_t most = n < 6 ? (int64_t)100 << n : 5000;
    return shorten(most < 5000 ? most : 5000);
}

static void move(struct breaker *b, enum breaker_state to)
{
    if (b->view.state == to)
        return;
    b->view.state = to;
    b->view.since_ms = clock_wall_ms();
    if (to == BREAKER_OPEN)
        log_warn("uplink", "an uplink is left alone for a while", "uplink=%s cause=\"%s\"", b->name,
                 b->view.cause);
    else if (to == BREAKER_CLOSED)
        log_info("uplink", "an uplink answers again", "uplink=%s", b->name);
}

int breaker_enter(struct breaker *breaker, int64_t now_ms, struct err *err)
{
    int failed = 0;
    pthread_mutex_lock(&breaker->lock);
    int64_t wait_ms = breaker->rest_until_ms - now_ms;
    if (breaker->view.state == BREAKER_HALF_OPEN)
        wait_ms = breaker->probe_until_ms - now_ms;
    if (wait_ms > 0) {
        failed = err_set(err, ERR_UNAVAILABLE, "uplink_resting",
                         "The uplink \"%s\" did not answer and is asked again in %lld s.",
                         breaker->name, (long long)(wait_ms + 999) / 1000);
    } else {
        breaker->view.requests++;
        if (breaker->view.state != BREAKER_CLOSED) {
            move(breaker, BREAKER_HALF_OPEN);
            breaker->probe_until_ms = now_ms + PROBE_MS;
        }
    }
    pthread_mutex_unlock(&breaker->lock);
    return failed;
}

static void note_failure(struct breaker *b, const char *cause, int64_t rest_ms, int64_t now_ms)
{
    b->view.failures++;
    b->view.failed_ms = clock_wall_ms();
    snprintf(b->view.cause, sizeof b->view.cause, "%s", cause);
    b->in_row++;
    if (rest_ms > 0)
        rest_ms = rest_ms < LONGEST_ASKED_MS ? rest_ms : LONGEST_ASKED_MS;
    bool full = b->view.state == BREAKER_CLOSED && b->in_row >= FAILURES;
    if (b->view.state == BREAKER_HALF_OPEN || full) {
        int64_t most = b->opened < 5 ? (int64_t)FIRST_REST_MS << b->opened : LONGEST_REST_MS;
        int64_t own = shorten(most < LONGEST_REST_MS ? most : LONGEST_REST_MS);
        rest_ms = rest_ms > own ? rest_ms : own;
        b->opened++;
    }
    if (rest_ms <= 0)
        return;
    b->rest_until_ms = now_ms + rest_ms;
    move(b, BREAKER_OPEN);
}

void breaker_leave(struct breaker *breaker, const char *cause, int64_t rest_ms, int64_t now_ms)
{
    pthread_mutex_lock(&breaker->lock);
    if (cause != NULL) {
        note_failure(breaker, cause, rest_ms, now_ms);
    } else {
        breaker->in_row = breaker->opened = 0;
        breaker->rest_until_ms = 0;
        move(breaker, BREAKER_CLOSED);
    }
    pthread_mutex_unlock(&breaker->lock);
}

void breaker_cancel(struct breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    if (breaker->view.state == BREAKER_HALF_OPEN)
        move(breaker, BREAKER_OPEN); /* its rest is over: the next one probes */
    pthread_mutex_unlock(&breaker->lock);
}

void breaker_look(struct breaker *breaker, int64_t now_ms, struct breaker_view *out)
{
    pthread_mutex_lock(&breaker->lock);
    *out = breaker->view;
    if (breaker->view.state == BREAKER_OPEN && breaker->rest_until_ms > now_ms)
        out->next_in_ms = breaker->rest_until_ms - now_ms;
    pthread_mutex_unlock(&breaker->lock);
}
