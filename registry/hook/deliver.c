/* Sending: one thread looks what is due and hands it to a few workers, which wait for receivers. */
#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/pool.h"
#include "core/seal.h"
#include "registry/hook/hook.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define WORKERS 8
#define OF_A_TENANT 3 /* workers at once, so that slow receivers of one hold up nobody else */
#define LOOK_MS 1000
#define FIRST_RETRY_MS 10000
#define MOST_RETRY_MS (3600 * 1000)
#define GIVE_UP_MS (24 * 3600 * 1000ll)
#define DEADLINE_MS 10000
#define CONNECT_MS 5000
#define MOST_ANSWER ((size_t)64 << 10)
#define GONE 410

struct hooks {
    struct hooks_config config;
    struct fetcher *fetcher;
    struct lane *lane;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping, awake;
    atomic_bool any;  /* there are hooks */
    struct job *jobs; /* under way */
};

struct job {
    struct hooks *hooks;
    struct pool *pool;
    struct text id, hook, tenant;
    struct text event, body, url, secret; /* of load() */
    int64_t attempts, created_ms;
    struct job *next;
};

static void end_job(struct job *job)
{
    struct hooks *h = job->hooks;
    pthread_mutex_lock(&h->lock);
    for (struct job **at = &h->jobs; *at != NULL; at = &(*at)->next)
        if (*at == job) {
            *at = job->next;
            break;
        }
    h->awake = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    pool_free(job->pool);
}

/* How an attempt ended. */
struct outcome {
    int status;        /* 0: no answer came */
    struct text cause; /* absent: it was taken */
};

static bool ask(struct job *job, struct outcome *out)
{
    struct hooks *h = job->hooks;
    struct pool *pool = job->pool;
    struct text secret, stamp = text_printf(pool, "%lld", (long long)(clock_wall_ms() / 1000));
    struct fetch_reply reply;
    struct err err;
    if (seal_get(h->config.seal, pool, hook_purpose(pool, job->hook), job->secret, &secret, &err) !=
        0) {
        out->cause = text_of(pool_strdup(pool, err.text));
        return true;
    }
    struct fetch_header headers[] = {
        {TEXT("content-type"), TEXT("application/json")},
        {TEXT("x-redhouse-event"), job->event},
        {TEXT("x-redhouse-delivery"), job->id},
        {TEXT("x-redhouse-timestamp"), stamp},
        {TEXT("x-redhouse-signature"), hook_signature(pool, secret, stamp, job->body)}};
    struct fetch_request request = {.method = "POST",
                                    .url = text_c(pool, job->url),
                                    .headers = headers,
                                    .n_headers = sizeof headers / sizeof headers[0],
                                    .body = job->body,
                                    .deadline_ms = DEADLINE_MS,
                                    .connect_ms = CONNECT_MS,
                                    .max_bytes = MOST_ANSWER,
                                    .refuse_private = !h->config.allow_private};
    if (fetch(h->fetcher, &request, pool, &reply, &err) != 0) {
        out->cause = text_of(pool_strdup(pool, err.text));
        return strcmp(err.code, "stopping") != 0;
    }
    out->status = reply.status;
    if (reply.status >= 300 && reply.status < 400)
        out->cause = text_printf(pool, "It answered %d; redirects are not followed.", reply.status);
    else if (reply.status < 200 || reply.status >= 300)
        out->cause = text_printf(pool, "It answered %d.", reply.status);
    return true;
}

/* Doubled each time, and a fifth more or less, so that what failed together does not come again
 * together. */
static int64_t pause_of(const struct hooks *h, int64_t attempts)
{
    int64_t ms = h->config.retry_ms;
    unsigned random;
    for (int64_t i = 1; i < attempts && ms < MOST_RETRY_MS; i++)
        ms *= 2;
    if (ms > MOST_RETRY_MS)
        ms = MOST_RETRY_MS;
    random_bytes(&random, sizeof random);
    return ms * 4 / 5 + (int64_t)(random % 1000) * (ms * 2 / 5) / 1000;
}

static int note_success(struct db_conn *conn, const struct job *job, int status, struct err *err)
{
    static const char sql[] = "UPDATE hook_delivery SET state = 'done', attempts = attempts + 1, "
                              "status = ?, cause = NULL, ended_at = ? WHERE id = ?";
    static const char hook_sql[] =
        "UPDATE hook SET failing_since = NULL, cause = iif(active, NULL, cause) WHERE id = ? AND "
        "(failing_since IS NOT NULL OR cause IS NOT NULL)";
    return db_do(conn, err, sql, "iis", (int64_t)status, clock_wall_ms(), job->id) < 0 ||
                   db_do(conn, err, hook_sql, "s", job->hook) < 0
               ? -1
               : 0;
}

/* A receiver that says that it is gone, or that was not there for days, is not asked any more. */
static int judge_hook(struct db_conn *conn, const struct job *job, const struct outcome *out,
                      struct err *err)
{
    static const char sql[] = "UPDATE hook SET cause = ?1, failing_since = coalesce(failing_since, "
                              "?2) WHERE id = ?3";
    static const char off_sql[] =
        "UPDATE hook SET active = 0, cause = 'Switched off: ' || iif(?1, 'it said that it is gone "
        "for good (410).', 'no delivery succeeded for three days. The last failure: ' || cause) "
        "WHERE id = ?2 AND active AND (?1 OR failing_since < ?3)";
    static const char end_sql[] =
        "UPDATE hook_delivery SET state = 'failed', ended_at = ?, cause = coalesce(cause, 'The "
        "webhook was switched off.') WHERE hook = ? AND state = 'waiting'";
    int64_t now = clock_wall_ms();
    if (db_do(conn, err, sql, "sis", out->cause, now, job->hook) < 0)
        return -1;
    int off = db_do(conn, err, off_sql, "isi", (int64_t)(out->status == GONE), job->hook,
                    now - HOOK_OFF_MS);
    if (off > 0)
        off = db_do(conn, err, end_sql, "is", now, job->hook);
    return off < 0 ? -1 : 0;
}

static int note_failure(const struct hooks *h, struct db_conn *conn, const struct job *job,
                        const struct outcome *out, struct err *err)
{
    static const char sql[] =
        "UPDATE hook_delivery SET state = iif(?1, 'failed', 'waiting'), attempts = attempts + 1, "
        "status = nullif(?2, 0), cause = ?3, next_at = ?4, ended_at = iif(?1, ?5, NULL) WHERE id = "
        "?6 AND state = 'waiting'";
    int64_t now = clock_wall_ms(), next = now + pause_of(h, job->attempts + 1);
    bool over = next > job->created_ms + GIVE_UP_MS;
    if (db_do(conn, err, sql, "iisiis", (int64_t)over, (int64_t)out->status, out->cause, next, now,
              job->id) < 0)
        return -1;
    return judge_hook(conn, job, out, err);
}

static int note(const struct job *job, const struct outcome *out, struct err *err)
{
    static const char tidy_sql[] =
        "DELETE FROM hook_delivery WHERE hook = ?1 AND state <> 'waiting' AND id < (SELECT id FROM "
        "hook_delivery WHERE hook = ?1 AND state <> 'waiting' ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, job->hooks->config.control, err) != 0 ||
        (out->cause.base == NULL ? note_success(tx.conn, job, out->status, err)
                                 : note_failure(job->hooks, tx.conn, job, out, err)) != 0 ||
        db_do(tx.conn, err, tidy_sql, "si", job->hook, (int64_t)HOOK_KEPT - 1) < 0)
        return -1;
    return db_commit(&tx, err);
}

/* False: it was found before this hook was ours alone, and has been sent since or is gone. */
static bool load(struct job *job)
{
    static const char sql[] =
        "SELECT d.event, d.body, h.url, h.secret, d.attempts, d.created_at FROM hook_delivery AS d "
        "JOIN hook AS h ON h.id = d.hook WHERE d.id = ? AND d.state = 'waiting' AND d.next_at <= ? "
        "AND h.active";
    auto_read struct db_read r = db_read(job->hooks->config.control, NULL);
    return r.conn != NULL && db_get(r.conn, job->pool, NULL, sql, "si", "ssssii", job->id,
                                    clock_wall_ms(), &job->event, &job->body, &job->url,
                                    &job->secret, &job->attempts, &job->created_ms) == 0;
}

static void run(void *arg)
{
    struct job *job = arg;
    struct outcome out = {0};
    struct err err;
    if (load(job) && ask(job, &out) && note(job, &out, &err) != 0)
        log_error("hooks", err.text, NULL);
    end_job(job);
}

/* One at a time for a hook, some for a tenant. *all: under way, this one included. */
static bool take(struct hooks *h, struct job *job, unsigned *all)
{
    unsigned of_tenant = 0;
    bool free_now = true;
    *all = 0;
    pthread_mutex_lock(&h->lock);
    for (const struct job *j = h->jobs; j != NULL; j = j->next) {
        ++*all;
        if (text_eq(j->hook, job->hook))
            free_now = false;
        if (text_eq(j->tenant, job->tenant))
            of_tenant++;
    }
    free_now = free_now && of_tenant < OF_A_TENANT && *all < WORKERS && !h->stopping;
    if (free_now) {
        job->next = h->jobs;
        h->jobs = job;
        ++*all;
    }
    pthread_mutex_unlock(&h->lock);
    return free_now;
}

/* False: all workers are busy, and who ends first looks again. */
static bool hand_over(struct hooks *h, const struct job *found)
{
    struct pool *pool = pool_new();
    struct job *job = pool_alloc(pool, sizeof *job);
    unsigned all;
    *job = (struct job){.hooks = h,
                        .pool = pool,
                        .id = text_dup(pool, found->id),
                        .hook = text_dup(pool, found->hook),
                        .tenant = text_dup(pool, found->tenant)};
    if (!take(h, job, &all))
        pool_free(pool);
    else if (!lane_post(h->lane, run, job))
        end_job(job);
    return all < WORKERS;
}

/* The delivery of each hook that is due longest. */
static int look(struct hooks *h, struct err *err)
{
    static const char sql[] =
        "SELECT d.id, h.id, coalesce(h.tenant, '') FROM hook AS h JOIN hook_delivery AS d ON d.id "
        "= (SELECT id FROM hook_delivery WHERE hook = h.id AND state = 'waiting' AND next_at <= ? "
        "ORDER BY next_at, id LIMIT 1) WHERE h.active ORDER BY d.next_at";
    static const char any_sql[] = "SELECT EXISTS (SELECT 1 FROM hook)";
    auto_pool struct pool *pool = pool_new();
    struct job job = {0};
    int64_t any;
    auto_read struct db_read r = db_read(h->config.control, err);
    if (r.conn == NULL || db_get(r.conn, pool, err, any_sql, "", "i", &any) != 0)
        return -1;
    atomic_store(&h->any, any != 0);
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, err, sql, "i", clock_wall_ms()) != 0)
        return -1;
    while (db_next(&q, pool, "sss", &job.id, &job.hook, &job.tenant) && hand_over(h, &job))
        ;
    return q.failed ? -1 : 0;
}

/* False: the end was asked for. */
static bool rest(struct hooks *h)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_MS / 1000;
    pthread_mutex_lock(&h->lock);
    while (!h->stopping && !h->awake && pthread_cond_timedwait(&h->wake, &h->lock, &until) == 0)
        ;
    h->awake = false;
    bool go_on = !h->stopping;
    pthread_mutex_unlock(&h->lock);
    return go_on;
}

static void *dispatch(void *arg)
{
    struct hooks *h = arg;
    struct err err;
    do {
        if (look(h, &err) != 0)
            log_error("hooks", err.text, NULL);
    } while (rest(h));
    return NULL;
}

struct hooks *hooks_start(const struct hooks_config *config, struct err *err)
{
    struct fetch_options options = {.ca_file = config->ca_file,
                                    .proxy = config->proxy,
                                    .user_agent = "redhouse-hook/" REDHOUSE_VERSION,
                                    .max_parallel = WORKERS};
    pthread_condattr_t attr;
    struct hooks *h = xcalloc(1, sizeof *h);
    h->config = *config;
    if (h->config.retry_ms == 0)
        h->config.retry_ms = FIRST_RETRY_MS;
    h->fetcher = fetcher_new(&options, err);
    if (h->fetcher == NULL) {
        free(h);
        return NULL;
    }
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wake, &attr);
    pthread_condattr_destroy(&attr);
    h->lane = lane_new("hooks", WORKERS, WORKERS);
    pthread_create(&h->thread, NULL, dispatch, h);
    return h;
}

void hooks_wake(struct hooks *hooks)
{
    if (hooks == NULL || !atomic_load(&hooks->any))
        return;
    pthread_mutex_lock(&hooks->lock);
    hooks->awake = true;
    pthread_cond_signal(&hooks->wake);
    pthread_mutex_unlock(&hooks->lock);
}

void hooks_stop(struct hooks *hooks)
{
    if (hooks == NULL)
        return;
    pthread_mutex_lock(&hooks->lock);
    hooks->stopping = true;
    pthread_cond_signal(&hooks->wake);
    pthread_mutex_unlock(&hooks->lock);
    pthread_join(hooks->thread, NULL);
    fetcher_abort(hooks->fetcher);
    lane_stop(hooks->lane);
    fetcher_stop(hooks->fetcher);
    pthread_cond_destroy(&hooks->wake);
    pthread_mutex_destroy(&hooks->lock);
    free(hooks);
}
