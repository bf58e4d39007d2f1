#include "tenants/keeper.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/seal.h"
#include "http/events.h"
#include "http/hosts.h"
#include "http/operation.h"
#include "http/server.h"
#include "tenants/broker/client.h"
#include "tenants/drivers/process.h"
#include "tenants/keeper_part.h"
#include "tenants/tenants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEPER_CLOSING_MS 25000
#define LANE_FULL_MS 20

struct unit *keeper_unit(struct keeper *keeper, const char *id)
{
    for (struct unit *u = keeper->units; u != NULL; u = u->next)
        if (strcmp(u->id, id) == 0)
            return u;
    return NULL;
}

static void on_timer(void *arg)
{
    struct unit *unit = arg;

    if (unit->state == STATE_STARTING && !unit->ready && !unit->busy)
        unit->late = true;
    unit_step(unit);
}

struct unit *keeper_add(struct keeper *keeper, const struct instance *row)
{
    struct unit *u = xcalloc(1, sizeof(*u));
    auto_pool struct pool *pool = pool_new();

    u->keeper = keeper;
    snprintf(u->id, sizeof(u->id), "%.*s", TEXT_ARG(row->id));
    snprintf(u->slug, sizeof(u->slug), "%.*s", TEXT_ARG(row->slug));
    snprintf(u->tenant, sizeof(u->tenant), "%.*s", TEXT_ARG(row->tenant));
    snprintf(u->name, sizeof(u->name), "%.*s", TEXT_ARG(row->name));
    snprintf(u->cause, sizeof(u->cause), "%.*s", TEXT_ARG(row->cause));
    u->state = row->state;
    u->desired = row->desired;
    u->generation = row->generation;
    u->restarts = row->restarts;
    u->activity = xcalloc(1, sizeof(*u->activity));
    u->timer.fn = on_timer;
    u->timer.arg = u;
    seal_key(keeper->tenants->config.seal, text_printf(pool, "instance.identity:%s", u->id),
             u->key);
    keeper->driver->socket_path(keeper->driver, u->id, u->socket, sizeof(u->socket));
    u->next = keeper->units;
    keeper->units = u;
    return u;
}

/* Frees a dropped unit once no job names it. */
static void unit_release(struct unit *unit)
{
    if (!unit->gone || unit->jobs > 0)
        return;
    free(unit->look);
    free(unit->activity);
    free(unit);
}

void keeper_drop(struct keeper *keeper, struct unit *unit)
{
    struct unit **p = &keeper->units;

    while (*p != unit)
        p = &(*p)->next;
    *p = unit->next;
    loop_timer_clear(keeper->loop, &unit->timer);
    unit->gone = true;
    unit_release(unit);
}

void keeper_publish(struct keeper *keeper)
{
    static const struct {
        const char *suffix;
        enum face face;
    } faces[] = {{"", FACE_EDITOR}, {"--app", FACE_APP}};
    const struct tenants_config *config = &keeper->tenants->config;
    auto_pool struct pool *pool = pool_new();
    size_t units = 0, n = 0;

    for (struct unit *u = keeper->units; u != NULL; u = u->next)
        units++;
    struct host_entry *entries = pool_zalloc(pool, (2 * units + 1) * sizeof(*entries));
    for (struct unit *u = keeper->units; u != NULL; u = u->next) {
        for (size_t f = 0; f < 2; f++) {
            struct host_entry *e = &entries[n++];
            e->host =
                pool_printf(pool, "%s%s.%s", u->slug, faces[f].suffix, config->instance_domain);
            e->face = faces[f].face;
            e->instance = u->id;
            e->slug = u->slug;
            e->tenant = u->tenant;
            e->state = state_host(u->state);
            e->cause = u->cause[0] != '\0' ? u->cause : NULL;
            e->socket = u->socket;
            memcpy(e->key, u->key, sizeof(e->key));
            e->title = u->name;
            e->look = u->look;
            e->activity = u->activity;
        }
    }
    hosts_put(config->hosts, entries, n);
}

void keeper_admit(struct keeper *keeper)
{
    for (struct unit *u = keeper->units, *next; u != NULL; u = next) {
        next = u->next;
        if (keeper->starting < keeper->starting_max && !u->busy)
            unit_step(u);
    }
    if (!keeper->stop_when_quiet || !keeper->listed)
        return;
    for (struct unit *u = keeper->units; u != NULL; u = u->next)
        if (u->busy || u->live)
            return;
    loop_stop(keeper->loop);
}

/* Jobs. */

static void job_end(void *arg)
{
    struct job *job = arg;

    if (job->done != NULL && !job->unit->gone)
        job->done(job);
    job->unit->jobs--;
    unit_release(job->unit);
    pool_free(job->pool);
    free(job);
}

static void job_run(void *arg)
{
    struct job *job = arg;

    job->failed = job->work(job) != 0;
    loop_post(job->keeper->loop, job_end, job);
}

struct job *job_new(struct unit *unit, int (*work)(struct job *), void (*done)(struct job *))
{
    struct job *job = xcalloc(1, sizeof(*job));

    unit->jobs++;
    job->keeper = unit->keeper;
    job->unit = unit;
    job->pool = pool_new();
    job->work = work;
    job->done = done;
    return job;
}

/* A unit waits for its job: one that finds no room comes again a little later. */
static void job_post(void *arg)
{
    struct job *job = arg;

    if (lane_post(job->keeper->tenants->lane, job_run, job))
        return;
    job->again = (struct loop_timer){.fn = job_post, .arg = job};
    loop_timer_set(job->keeper->loop, &job->again, LANE_FULL_MS);
}

void job_start_aside(struct job *job)
{
    job_post(job);
}

void job_start(struct job *job)
{
    job->unit->busy = true;
    job_start_aside(job);
}

/* Pokes. */

struct poke {
    struct keeper *keeper;
    char id[32];
    enum keeper_poke poke;
    char operation[27];
    struct pool *pool;
    struct instance row;
    bool found;
};

static void end_operation(struct keeper *keeper, const char *operation, const struct err *problem)
{
    if (operation[0] != '\0')
        operation_end(keeper->tenants->config.operations, operation, problem);
}

/* Back on the keeper's thread with the row as it is now. */
static void poke_apply(void *arg)
{
    struct poke *p = arg;
    struct unit *u = keeper_unit(p->keeper, p->id);

    if (u == NULL && p->found && p->row.desired != DESIRED_REMOVED)
        u = keeper_add(p->keeper, &p->row);
    if (u != NULL && p->found) {
        u->desired = p->row.desired;
        snprintf(u->name, sizeof(u->name), "%.*s", TEXT_ARG(p->row.name));
        u->restart = u->restart || (p->poke == POKE_RESTART && (u->live || !p->keeper->listed));
        if (p->poke != POKE_WANTED) {
            u->retry_at = 0;
            u->quick_ends = 0;
            u->safe = false;
        }
        if (p->operation[0] != '\0')
            memcpy(u->operation, p->operation, sizeof(u->operation));
        if (p->poke != POKE_WANTED)
            keeper_publish(p->keeper);
        unit_step(u);
    }
    pool_free(p->pool);
    free(p);
}

/* On the lane: reads the row. */
static void poke_read(void *arg)
{
    struct poke *p = arg;
    struct err err;

    p->found = instance_by_id(p->keeper->tenants, p->pool, text_of(p->id), &p->row, &err) == 0;
    if (!p->found)
        end_operation(p->keeper, p->operation, &err);
    loop_post(p->keeper->loop, poke_apply, p);
}

void keeper_poke(struct keeper *keeper, const char *instance, enum keeper_poke poke,
                 const char *operation)
{
    struct poke *p = xcalloc(1, sizeof(*p));

    p->keeper = keeper;
    p->poke = poke;
    p->pool = pool_new();
    snprintf(p->id, sizeof(p->id), "%s", instance);
    snprintf(p->operation, sizeof(p->operation), "%s", operation != NULL ? operation : "");
    if (lane_post(keeper->tenants->lane, poke_read, p))
        return;
    struct err busy;
    err_set(&busy, ERR_UNAVAILABLE, "busy", "Too many changes at once; try again.");
    end_operation(keeper, p->operation, &busy);
    pool_free(p->pool);
    free(p);
}

static void on_wanted(void *arg, const char *instance)
{
    keeper_poke(arg, instance, POKE_WANTED, NULL);
}

/* Themes. */

static int look_work(struct job *job)
{
    const struct tenants_config *config = &job->keeper->tenants->config;

    return config->theme_look(config->theme_arg, job->pool, job->unit->tenant, &job->text,
                              &job->err);
}

static void look_done(struct job *job)
{
    if (job->failed)
        return;
    free(job->unit->look);
    job->unit->look = xstrndup(job->text.base, job->text.len);
    keeper_publish(job->keeper);
}

struct theme_message {
    struct keeper *keeper;
    char tenant[32];
};

static void theme_apply(void *arg)
{
    struct theme_message *m = arg;
    struct driver *driver = m->keeper->driver;

    for (struct unit *u = m->keeper->units; u != NULL; u = u->next) {
        if (m->tenant[0] != '\0' && strcmp(u->tenant, m->tenant) != 0)
            continue;
        job_start_aside(job_new(u, look_work, look_done));
        if (u->live && driver->command != NULL)
            driver->command(driver, u->id, TEXT("{\"command\":\"theme\"}"));
    }
    free(m);
}

void keeper_theme_changed(struct keeper *keeper, const char *tenant)
{
    struct theme_message *m = xcalloc(1, sizeof(*m));

    m->keeper = keeper;
    snprintf(m->tenant, sizeof(m->tenant), "%s", tenant != NULL ? tenant : "");
    loop_post(keeper->loop, theme_apply, m);
}

/* Start: rows, then what the driver finds. */

static int add_row(void *arg, struct text id, struct err *err)
{
    struct keeper *keeper = arg;
    auto_pool struct pool *pool = pool_new();
    struct instance row;

    if (instance_by_id(keeper->tenants, pool, id, &row, err) != 0)
        return -1;
    keeper_add(keeper, &row);
    return 0;
}

static void on_found(void *arg, const struct driver_item *item)
{
    struct keeper *keeper = arg;
    struct unit *u = keeper_unit(keeper, item->instance);
    struct err err;

    if (u == NULL) {
        log_warn("keeper", "stops an instance that has no row", "instance=%s", item->instance);
        keeper->driver->stop(keeper->driver, item->instance, 1000, NULL, NULL);
        return;
    }
    u->live = true;
    u->ready = item->ready;
    /* The row was ahead of the world when the server died: start anew with the row's generation. */
    u->restart = u->restart || item->generation != u->generation;
    auto_pool struct pool *pool = pool_new();
    const char *path = pool_printf(pool, "%s/run/instances/%s/server.sock",
                                   keeper->tenants->config.data_dir, u->id);
    if (http_server_carrier_open(keeper->tenants->server, path, u->id, &err) != 0)
        log_error("keeper", err.text, "instance=%s", u->id);
}

static enum instance_state found_state(const struct unit *u)
{
    if (u->live && u->state != STATE_STOPPING)
        return u->ready ? STATE_RUNNING : STATE_STARTING;
    return u->live || u->state == STATE_FAILED || u->state == STATE_ASLEEP ? u->state
                                                                           : STATE_STOPPED;
}

static void on_listed(void *arg, const struct err *err)
{
    struct keeper *keeper = arg;

    if (err != NULL)
        log_error("keeper", err->text, NULL);
    keeper->listed = true;
    for (struct unit *u = keeper->units, *next; u != NULL; u = next) {
        next = u->next;
        enum instance_state found = found_state(u);
        if (u->live)
            log_info("keeper", "adopted", "instance=%s slug=%s state=%s", u->id, u->slug,
                     state_name(found));
        if (u->live && found == STATE_STARTING)
            loop_timer_set(keeper->loop, &u->timer, keeper->tenants->config.start_deadline_ms);
        u->restart = u->restart && u->live;
        /* Of one that ended between its greeting and now the end is handled next. */
        if (found != u->state && !u->ended)
            unit_found(u, found);
        job_start_aside(job_new(u, look_work, look_done));
    }
    keeper_publish(keeper);
    keeper_admit(keeper);
}

static void on_status(void *arg, const char *instance, struct text json)
{
    struct unit *u = keeper_unit(arg, instance);

    if (u != NULL)
        unit_status(u, json);
}

static void on_ended(void *arg, const char *instance, const struct instance_end *end)
{
    struct unit *u = keeper_unit(arg, instance);

    if (u != NULL)
        unit_ended(u, end);
}

static void begin(void *arg)
{
    struct keeper *keeper = arg;

    keeper->driver->list(keeper->driver, on_found, on_listed, keeper);
}

static void *run(void *arg)
{
    struct keeper *keeper = arg;

    loop_run(keeper->loop);
    return NULL;
}

struct keeper *keeper_start(struct tenants *tenants, struct err *err)
{
    struct keeper *keeper = xcalloc(1, sizeof(*keeper));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct driver_events events = {keeper, on_status, on_ended};

    keeper->tenants = tenants;
    keeper->starting_max =
        tenants->config.starts_at_once > 0 ? tenants->config.starts_at_once : (unsigned)cores;
    keeper->loop = loop_new(err);
    if (keeper->loop == NULL)
        return NULL;
    keeper->broker = broker_client_open(tenants->config.broker_fd, keeper->loop, err);
    if (keeper->broker == NULL)
        return NULL;
    struct process_config process = {tenants->config.data_dir, keeper->broker};
    keeper->driver = process_driver_open(&process, keeper->loop, &events, err);
    if (keeper->driver == NULL || instance_each(tenants, add_row, keeper, err) != 0)
        return NULL;
    hosts_on_wanted(tenants->config.hosts, on_wanted, keeper);
    keeper_publish(keeper);
    loop_post(keeper->loop, begin, keeper);
    pthread_create(&keeper->thread, NULL, run, keeper);
    return keeper;
}

static void on_closing_late(void *arg)
{
    struct keeper *keeper = arg;

    log_warn("keeper", "some instances did not stop in time", NULL);
    loop_stop(keeper->loop);
}

static void close_all(void *arg)
{
    struct keeper *keeper = arg;

    keeper->closing = true;
    keeper->stop_when_quiet = true;
    keeper->deadline.fn = on_closing_late;
    keeper->deadline.arg = keeper;
    loop_timer_set(keeper->loop, &keeper->deadline, KEEPER_CLOSING_MS);
    for (struct unit *u = keeper->units; u != NULL; u = u->next) {
        u->closing = true;
        loop_timer_clear(keeper->loop, &u->timer);
        unit_step(u);
    }
    keeper_admit(keeper);
}

void keeper_stop(struct keeper *keeper, bool stop_instances)
{
    if (keeper == NULL)
        return;
    hosts_on_wanted(keeper->tenants->config.hosts, NULL, NULL);
    if (stop_instances)
        loop_post(keeper->loop, close_all, keeper);
    else
        loop_stop(keeper->loop);
    pthread_join(keeper->thread, NULL);
    /* Jobs still on the lane name the keeper: the caller stops the lane, then the process ends. */
    broker_client_close(keeper->broker);
    keeper->driver->close(keeper->driver);
}

struct broker_client *keeper_broker(struct keeper *keeper)
{
    return keeper->broker;
}
