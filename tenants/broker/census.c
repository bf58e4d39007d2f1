#include "tenants/broker/census.h"

#include "core/err.h"
#include "core/pool.h"
#include "tenants/broker/helper.h"
#include "tenants/broker/state.h"
#include "tenants/broker/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_MS 2000

struct census {
    struct broker *broker;
    struct helper *job; /* NULL once it ended */
    struct census_bounds bounds;
    struct loop_timer timer;
    int out;
    bool counting, too_large;
};

static void free_census(struct census *c)
{
    close(c->out);
    free(c);
}

static int count(void *arg, struct warden_report *report, struct err *err)
{
    const struct census *c = arg;

    return tree_measure(c->out, c->bounds.bytes, c->bounds.entries, err);
}

static void on_counted(struct helper *h)
{
    struct census *c = h->arg;

    c->counting = false;
    if (c->job == NULL) {
        free_census(c);
        return;
    }
    if (h->report.status != 0 && strcmp(h->report.code, "job_size") == 0) {
        c->too_large = true;
        helper_kill(c->job);
        return;
    }
    loop_timer_set(c->broker->loop, &c->timer, PERIOD_MS);
}

static void on_time(void *arg)
{
    struct census *c = arg;
    struct helper *h = helper_new(c->broker, "census", 0);

    h->arg = c;
    h->on_end = on_counted;
    c->counting = true;
    if (helper_fork(h, count, c, NULL) == 0)
        return;
    c->counting = false;
    helper_free(h);
    loop_timer_set(c->broker->loop, &c->timer, PERIOD_MS);
}

struct census *census_begin(struct helper *job, int out, const struct census_bounds *bounds)
{
    struct census *c = xcalloc(1, sizeof(*c));

    c->broker = job->broker;
    c->job = job;
    c->bounds = *bounds;
    c->out = fcntl(out, F_DUPFD_CLOEXEC, 3);
    c->timer = (struct loop_timer){.fn = on_time, .arg = c};
    loop_timer_set(c->broker->loop, &c->timer, PERIOD_MS);
    return c;
}

bool census_end(struct census *census)
{
    bool too_large = census->too_large;

    loop_timer_clear(census->broker->loop, &census->timer);
    census->job = NULL;
    if (!census->counting)
        free_census(census);
    return too_large;
}
