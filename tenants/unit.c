#include "tenants/unit.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/json.h"
#include "core/log.h"
#include "http/events.h"
#include "http/operation.h"
#include "http/server.h"
#include "tenants/end.h"
#include "tenants/keeper_part.h"
#include "tenants/storage.h"
#include "tenants/tenants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUICK_END_MS                                                                               \
    60000 /* a runtime that ends sooner than this after it was ready crashed quickly */
#define QUICK_ENDS_SAFE 3 /* so many in a row: safe mode */
#define QUICK_ENDS_MOST 6 /* and so many: give up until somebody asks */
#define GRACE_MS 20000    /* Node-RED's own close timeout is 15 s */

static bool wants_running(const struct unit *u)
{
    return u->desired == DESIRED_RUNNING && !u->closing;
}

/* Moves: a move takes effect when its row is on disk, then it is told to everybody. */

static int save_work(struct job *job)
{
    struct unit *u = job->unit;

    return instance_save_state(job->keeper->tenants, u->id, job->state,
                               job->cause[0] != '\0' ? job->cause : NULL, u->restarts, &job->err);
}

static int tell_work(struct job *job)
{
    struct tenants *tenants = job->keeper->tenants;
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    if (instance_json(tenants, &w, text_of(job->unit->id), &job->err) != 0)
        return -1;
    events_emit(tenants->config.events, job->unit->tenant, "instance", buf_view(&out));
    return 0;
}

static int end_operation_work(struct job *job)
{
    operation_end(job->keeper->tenants->config.operations, job->operation, job->problem);
    return 0;
}

/* The operation that waits for this unit has got there, or will not. */
static void settle_operation(struct unit *u, const struct err *problem)
{
    if (u->operation[0] == '\0')
        return;
    struct job *job = job_new(u, end_operation_work, NULL);
    memcpy(job->operation, u->operation, sizeof(job->operation));
    if (problem != NULL) {
        job->err = *problem;
        job->problem = &job->err;
    }
    u->operation[0] = '\0';
    job_start_aside(job);
}

static int progress_work(struct job *job)
{
    operation_progress(job->keeper->tenants->config.operations, job->operation, -1,
                       text_of(job->cause));
    return 0;
}

static void progress(struct unit *u, const char *step)
{
    if (u->operation[0] == '\0')
        return;
    struct job *job = job_new(u, progress_work, NULL);
    memcpy(job->operation, u->operation, sizeof(job->operation));
    snprintf(job->cause, sizeof(job->cause), "%s", step);
    job_start_aside(job);
}

static void arrive(struct unit *u)
{
    struct err problem;

    if (u->state == STATE_RUNNING || (u->state == STATE_STOPPED && !wants_running(u)))
        settle_operation(u, NULL);
    if (u->state != STATE_FAILED)
        return;
    err_set(&problem, ERR_UNAVAILABLE, "instance_failed", "%s", u->cause);
    settle_operation(u, &problem);
}

static void save_done(struct job *job)
{
    struct unit *u = job->unit;

    u->busy = false;
    if (job->failed) {
        log_error("keeper", job->err.text, "instance=%s", u->id);
        loop_timer_set(u->keeper->loop, &u->timer, END_BACKOFF_FIRST_MS);
        return;
    }
    if (u->state != job->state)
        log_info("keeper", "moved", "instance=%s slug=%s from=%s to=%s cause=\"%s\"", u->id,
                 u->slug, state_name(u->state), state_name(job->state), job->cause);
    u->state = job->state;
    memcpy(u->cause, job->cause, sizeof(u->cause));
    keeper_publish(u->keeper);
    job_start_aside(job_new(u, tell_work, NULL));
    arrive(u);
    unit_step(u);
    keeper_admit(u->keeper);
}

static void move(struct unit *u, enum instance_state to, const char *cause)
{
    if (!state_may_move(u->state, to)) {
        log_error("keeper", "a move that the table does not allow", "instance=%s from=%s to=%s",
                  u->id, state_name(u->state), state_name(to));
        return;
    }
    struct job *job = job_new(u, save_work, save_done);
    job->state = to;
    snprintf(job->cause, sizeof(job->cause), "%s", cause != NULL ? cause : "");
    job_start(job);
}

void unit_found(struct unit *u, enum instance_state state)
{
    struct job *job = job_new(u, save_work, save_done);

    log_info("keeper", "found", "instance=%s slug=%s row=%s state=%s", u->id, u->slug,
             state_name(u->state), state_name(state));
    u->state = job->state = state;
    job_start(job);
}

static void leave_start(struct unit *u)
{
    if (u->admitted) {
        u->admitted = false;
        u->keeper->starting--;
    }
}

/* Starting: prepare on the lane, folders, carrier, warden; then wait for "ready". */

static void fail_start(struct unit *u, const struct err *err)
{
    u->busy = false;
    leave_start(u);
    u->retry_at = INT64_MAX; /* until somebody asks, or a server starts */
    move(u, STATE_FAILED, err->text);
}

static void on_started(void *arg, const struct err *err)
{
    struct job *job = arg;
    struct unit *u = job->unit;

    u->busy = false;
    if (err != NULL) {
        fail_start(u, err);
    } else {
        u->live = true;
        progress(u, "Waiting for the editor to answer");
        loop_timer_set(u->keeper->loop, &u->timer, u->keeper->tenants->config.start_deadline_ms);
    }
    u->jobs--;
    pool_free(job->pool);
    free(job);
    unit_step(u);
}

static void on_folders(void *arg, const struct err *err)
{
    struct job *job = arg;
    struct unit *u = job->unit;
    struct tenants *tenants = u->keeper->tenants;
    struct err problem;
    const char *path =
        pool_printf(job->pool, "%s/run/instances/%s/server.sock", tenants->config.data_dir, u->id);

    if (err == NULL && http_server_carrier_open(tenants->server, path, u->id, &problem) != 0)
        err = &problem;
    if (err != NULL) {
        on_started(job, err);
        return;
    }
    progress(u, "Starting Node-RED");
    u->keeper->driver->start(u->keeper->driver, &job->spec, on_started, job);
}

static void on_prepared(struct job *job)
{
    struct unit *u = job->unit;

    if (job->failed) {
        fail_start(u, &job->err);
        return;
    }
    u->state = STATE_STARTING;
    u->cause[0] = '\0';
    u->generation = job->spec.generation;
    u->ready = false;
    u->late = false;
    u->ended = false;
    keeper_publish(u->keeper);
    job_start_aside(job_new(u, tell_work, NULL));
    progress(u, "Preparing the sandbox");
    /* The spec lives in the job's pool until the driver is done: a copy of the job carries it on.
     */
    struct job *carry = xcalloc(1, sizeof(*carry));
    *carry = *job;
    job->pool = NULL;
    u->jobs++;
    u->keeper->driver->prepare(u->keeper->driver, u->id, on_folders, carry);
}

static void begin_start(struct unit *u)
{
    struct keeper *keeper = u->keeper;

    if (keeper->starting >= keeper->starting_max)
        return;
    keeper->starting++;
    u->admitted = true;
    job_start(job_new(u, launch_prepare, on_prepared));
}

/* Stopping. */

static void on_stopped(void *arg, const struct err *err)
{
    struct unit *u = arg;

    u->busy = false;
    if (err != NULL)
        log_error("keeper", err->text, "instance=%s", u->id);
    if (u->live && !u->ended) {
        u->live = false;
        u->ended = true;
        u->end = (struct instance_end){.kind = END_LOST};
    }
    unit_step(u);
}

static void begin_stop(struct unit *u)
{
    loop_timer_clear(u->keeper->loop, &u->timer);
    u->busy = true;
    progress(u, "Stopping Node-RED");
    u->keeper->driver->stop(u->keeper->driver, u->id, GRACE_MS, on_stopped, u);
}

/* Removing. */

static int erase_work(struct job *job)
{
    struct tenants *tenants = job->keeper->tenants;
    struct unit *u = job->unit;

    if (storage_erase(tenants, u->tenant, u->id, &job->err) != 0 ||
        account_instance_tokens_retire(tenants->config.account, u->id, INT64_MAX, &job->err) != 0 ||
        instance_delete(tenants, u->id, &job->err) != 0)
        return -1;
    if (job->operation[0] != '\0')
        operation_end(tenants->config.operations, job->operation, NULL);
    events_emit(tenants->config.events, u->tenant, "instance",
                text_printf(job->pool, "{\"id\":\"%s\",\"slug\":\"%s\",\"state\":\"removed\"}",
                            u->id, u->slug));
    return 0;
}

static void erase_done(struct job *job)
{
    struct unit *u = job->unit;
    struct keeper *keeper = u->keeper;

    u->busy = false;
    if (job->failed) {
        log_error("keeper", job->err.text, "instance=%s", u->id);
        loop_timer_set(keeper->loop, &u->timer, END_BACKOFF_FIRST_MS);
        return;
    }
    log_info("keeper", "removed", "instance=%s slug=%s", u->id, u->slug);
    keeper_drop(keeper, u);
    keeper_publish(keeper);
}

static void on_removed(void *arg, const struct err *err)
{
    struct unit *u = arg;

    if (err != NULL) {
        u->busy = false;
        log_error("keeper", err->text, "instance=%s", u->id);
        settle_operation(u, err);
        loop_timer_set(u->keeper->loop, &u->timer, END_BACKOFF_MOST_MS);
        return;
    }
    struct job *job = job_new(u, erase_work, erase_done);
    memcpy(job->operation, u->operation, sizeof(job->operation));
    job_start(job);
}

static void begin_remove(struct unit *u)
{
    u->busy = true;
    progress(u, "Removing its files");
    http_server_carrier_close(u->keeper->tenants->server, u->id);
    http_server_close_instance(u->keeper->tenants->server, u->id);
    u->keeper->driver->remove(u->keeper->driver, u->id, on_removed, u);
}

/* Ends. */

/* It ended though it should run: back-off, then safe mode, then give up until somebody asks. */
static void crashed(struct unit *u)
{
    char how[160], cause[240];
    int64_t now = clock_mono_ms();
    bool quick = u->ready_at == 0 || now - u->ready_at < QUICK_END_MS;

    end_describe(&u->end, how, sizeof(how));
    u->quick_ends = quick ? u->quick_ends + 1 : 1;
    u->restarts++;
    u->safe = u->quick_ends >= QUICK_ENDS_SAFE;
    if (u->quick_ends > QUICK_ENDS_MOST) {
        u->retry_at = INT64_MAX;
        snprintf(cause, sizeof(cause),
                 "%s. It was started %u times; look at its log, then start it again.", how,
                 u->quick_ends);
    } else {
        int64_t wait = end_backoff_ms(u->quick_ends);
        u->retry_at = now + wait;
        loop_timer_set(u->keeper->loop, &u->timer, wait);
        snprintf(cause, sizeof(cause), "%s. It is started again%s in %lld s.", how,
                 u->safe ? " with its flows stopped" : "", (long long)(wait + 999) / 1000);
    }
    u->ready_at = 0;
    move(u, STATE_FAILED, cause);
}

static void handle_end(struct unit *u)
{
    char cause[240];

    u->ended = false;
    u->ready = false;
    leave_start(u);
    http_server_close_instance(u->keeper->tenants->server, u->id);
    if (u->late) {
        u->late = false;
        u->retry_at = INT64_MAX;
        snprintf(cause, sizeof(cause),
                 "The editor did not answer within %lld s of the start; look at its log, then "
                 "start it again.",
                 (long long)u->keeper->tenants->config.start_deadline_ms / 1000);
        move(u, STATE_FAILED, cause);
        return;
    }
    if (u->state == STATE_STOPPING) {
        move(u, STATE_STOPPED, NULL);
        return;
    }
    crashed(u);
}

static void step_failed(struct unit *u)
{
    if (u->desired == DESIRED_REMOVED)
        begin_remove(u);
    else if (u->desired == DESIRED_STOPPED)
        move(u, STATE_STOPPED, NULL);
    else if (wants_running(u) && clock_mono_ms() >= u->retry_at)
        begin_start(u);
}

static void step_up(struct unit *u)
{
    if (!wants_running(u) || u->restart || u->late) {
        u->restart = false;
        leave_start(u);
        move(u, STATE_STOPPING, NULL);
        return;
    }
    if (u->state == STATE_STARTING && u->ready) {
        loop_timer_clear(u->keeper->loop, &u->timer);
        leave_start(u);
        u->ready_at = clock_mono_ms();
        move(u, STATE_RUNNING, NULL);
    }
}

void unit_step(struct unit *u)
{
    if (u->busy || !u->keeper->listed)
        return;
    if (u->ended) {
        handle_end(u);
        return;
    }
    switch (u->state) {
    case STATE_STOPPED:
    case STATE_ASLEEP:
        if (u->desired == DESIRED_REMOVED)
            begin_remove(u);
        else if (wants_running(u))
            begin_start(u);
        else
            arrive(u);
        break;
    case STATE_FAILED:
        step_failed(u);
        break;
    case STATE_STARTING:
    case STATE_RUNNING:
        if (u->state == STATE_RUNNING && wants_running(u) && !u->restart)
            arrive(u);
        else
            step_up(u);
        break;
    case STATE_STOPPING:
        begin_stop(u);
        break;
    case STATE_COUNT:
        break;
    }
}

static int versions_work(struct job *job)
{
    return instance_set_versions(job->keeper->tenants, job->unit->id, job->text, job->text2,
                                 &job->err);
}

void unit_status(struct unit *u, struct text json)
{
    struct job *job = job_new(u, versions_work, NULL);
    struct json *doc;
    struct text event = TEXT_NONE, message = TEXT_NONE;
    struct err err;
    bool kept = false;

    json = text_dup(job->pool, json);
    if (json_read(job->pool, json, 1000, &doc, &err) == 0 &&
        json_want_text(doc, "event", &event, &err) == 0) {
        if (text_is(event, "ready")) {
            u->ready = true;
            unit_step(u);
        } else if (text_is(event, "hello") &&
                   json_need_text(doc, "nodeRed", &job->text, &err) == 0 &&
                   json_need_text(doc, "node", &job->text2, &err) == 0) {
            kept = job->text.len < 64 && job->text2.len < 64;
        } else if (text_is(event, "fatal") && json_need_text(doc, "message", &message, &err) == 0) {
            snprintf(u->end.text, sizeof(u->end.text), "%.*s", TEXT_ARG(message));
        }
    }
    if (kept) {
        job_start_aside(job);
        return;
    }
    u->jobs--;
    pool_free(job->pool);
    free(job);
}

void unit_ended(struct unit *u, const struct instance_end *end)
{
    char last[sizeof(u->end.text)];

    memcpy(last, u->end.text, sizeof(last));
    u->end = *end;
    if (u->end.text[0] == '\0')
        memcpy(u->end.text, last, sizeof(last));
    u->live = false;
    u->ended = true;
    unit_step(u);
}
