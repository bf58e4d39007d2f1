#include "registry/routes.h"
#include "core/blob.h"
#include "core/err.h"
#include "core/file.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/pool.h"
#include "http/operation.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/offline/closure.h"
#include "registry/offline/offline.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUNDLES_MOST 4 /* that are kept to be fetched; older ones go */
#define WAITING_MOST 8
#define MAX_LIST ((size_t)32 << 20)
#define MAX_BUNDLE ((size_t)64 << 30) /* --max-spool says less */
#define MOST_REPORT ((size_t)8 << 20)

struct bundle {
    char id[27]; /* of its operation */
    char *report;
    size_t report_len;
};

struct offline {
    struct registry *registry;
    struct lane *lane;
    char *dir;
    pthread_mutex_t lock;                /* guards bundles */
    struct bundle bundles[BUNDLES_MOST]; /* oldest first */
    size_t n;
};

struct job {
    struct offline *offline;
    struct pool *pool;
    struct wants wants;
    size_t elsewhere;
    char id[27];
};

struct offline *offline_new(struct registry *registry)
{
    struct offline *o = xcalloc(1, sizeof *o);
    struct err err;
    o->registry = registry;
    o->lane = lane_new("bundle", 1, WAITING_MOST);
    o->dir = xprintf("%s/bundles", registry->config.spool_dir);
    pthread_mutex_init(&o->lock, NULL);
    (void)file_remove_tree(o->dir, &err); /* nobody knows what they are any more */
    return o;
}

void offline_free(struct offline *offline)
{
    if (offline == NULL)
        return;
    lane_stop(offline->lane);
    for (size_t i = 0; i < offline->n; i++)
        free(offline->bundles[i].report);
    pthread_mutex_destroy(&offline->lock);
    free(offline->dir);
    free(offline);
}

static const char *path_of(struct offline *o, struct pool *pool, const char *id)
{
    return pool_printf(pool, "%s/%s.tar", o->dir, id);
}

static void on_progress(void *arg, int percent, struct text step)
{
    struct job *job = arg;
    operation_progress(job->offline->registry->config.operations, job->id, percent, step);
}

static struct text report_of(struct pool *pool, const struct job *job, const struct closure *c,
                             const struct pack_sums *sums, uint64_t bytes)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, MOST_REPORT);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "id", job->id);
    json_put_int(&w, "packages", sums->packages);
    json_put_int(&w, "versions", sums->versions);
    json_put_int(&w, "bytes", (int64_t)bytes);
    json_put_int(&w, "elsewhere", (int64_t)job->elsewhere);
    json_key(&w, "left_out");
    closure_put_notes(c, &w);
    json_close(&w);
    return text_dup(pool, buf_view(&out));
}

static void remember(struct offline *o, const char *id, struct text report)
{
    auto_pool struct pool *pool = pool_new();
    struct err err;
    pthread_mutex_lock(&o->lock);
    if (o->n == BUNDLES_MOST) {
        (void)file_unlink(path_of(o, pool, o->bundles[0].id), &err);
        free(o->bundles[0].report);
        memmove(o->bundles, o->bundles + 1, (BUNDLES_MOST - 1) * sizeof *o->bundles);
        o->n--;
    }
    struct bundle *b = &o->bundles[o->n++];
    snprintf(b->id, sizeof b->id, "%s", id);
    b->report = xstrndup(report.base, report.len);
    b->report_len = report.len;
    pthread_mutex_unlock(&o->lock);
}

static int make(struct job *job, struct closure *c, struct err *err)
{
    struct offline *o = job->offline;
    struct pack_sums sums;
    struct stat st;
    const char *path = path_of(o, job->pool, job->id);
    if (closure_resolve(c, &job->wants, err) != 0 || closure_fetch(c, err) != 0 ||
        file_mkdirs(o->dir, 0700, err) != 0)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "The bundle cannot be made");
    int failed = pack_write(c, job->pool, fd, &sums, err);
    if (failed == 0 && fstat(fd, &st) != 0)
        failed = err_errno(err, "The bundle cannot be measured");
    close(fd);
    struct err ignored;
    if (failed == 0 && sums.versions == 0)
        failed = err_set(err, ERR_UNPROCESSABLE, "empty_bundle",
                         "Nothing of the list can be had: %.140s",
                         c->n_notes > 0 ? text_c(job->pool, c->notes[0].why) : "it is empty.");
    if (failed == 0)
        remember(o, job->id, report_of(job->pool, job, c, &sums, (uint64_t)st.st_size));
    else
        (void)file_unlink(path, &ignored);
    return failed;
}

static void run(void *arg)
{
    struct job *job = arg;
    struct closure c;
    struct err err;
    closure_init(&c, job->offline->registry, job->pool);
    c.progress = on_progress;
    c.arg = job;
    int failed = make(job, &c, &err);
    closure_release(&c);
    operation_end(job->offline->registry->config.operations, job->id, failed != 0 ? &err : NULL);
    pool_free(job->pool);
    free(job);
}

static int begin(struct call *c, struct job *job, struct err *err)
{
    struct operations *operations = job->offline->registry->config.operations;
    struct operation_spec spec = {
        "bundle.export", NULL, text_printf(job->pool, "%zu packages", job->wants.n), c->who->user};
    char id[27];
    if (operation_begin(operations, &spec, job->id, err) != 0)
        return -1;
    memcpy(id, job->id, sizeof id);
    if (!lane_post(job->offline->lane, run, job)) {
        err_set(err, ERR_UNAVAILABLE, "busy", "Several bundles are being made; try again later.");
        operation_end(operations, id, err);
        return -1;
    }
    operation_answer(operations, c, id);
    return 0;
}

static void post_bundle(struct call *c)
{
    struct registry *registry = c->area;
    struct job *job = xcalloc(1, sizeof *job);
    struct err err;
    *job = (struct job){.offline = registry->offline, .pool = pool_new()};
    if (want_read(job->pool, text_dup(job->pool, c->body), &job->wants, &job->elsewhere, &err) ==
            0 &&
        begin(c, job, &err) == 0)
        return;
    pool_free(job->pool);
    free(job);
    call_fail(c, &err);
}

/* Its report, when it is there. */
static bool find(struct offline *o, struct pool *pool, struct text id, struct text *report)
{
    bool found = false;
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->n && !found; i++) {
        if (!text_is(id, o->bundles[i].id))
            continue;
        *report = text_dup(pool, text_n(o->bundles[i].report, o->bundles[i].report_len));
        found = true;
    }
    pthread_mutex_unlock(&o->lock);
    return found;
}

static bool need(struct call *c, struct text *report)
{
    struct registry *registry = c->area;
    struct err err;
    if (find(registry->offline, c->pool, call_param(c, "bundle"), report))
        return true;
    err_set(&err, ERR_NOT_FOUND, "bundle_not_found",
            "There is no such bundle, or no longer: the last %d are kept until the server starts "
            "again.",
            BUNDLES_MOST);
    call_fail(c, &err);
    return false;
}

static void get_bundle(struct call *c)
{
    struct text report;
    if (need(c, &report))
        call_bytes(c, 200, "application/json", report);
}

static void get_file(struct call *c)
{
    struct registry *registry = c->area;
    struct text report, id = call_param(c, "bundle");
    struct stat st;
    struct err err;
    if (!need(c, &report))
        return;
    int fd = open(path_of(registry->offline, c->pool, text_c(c->pool, id)),
                  O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0) {
        err_errno(&err, "The bundle cannot be opened");
        call_fail(c, &err);
        return;
    }
    call_file(c, "application/x-tar", fd, (uint64_t)st.st_size,
              text_printf(c->pool, "\"%.*s\"", TEXT_ARG(id)));
}

static void put_bundle(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MOST_REPORT);
    json_writer_init(&w, &out);
    if (asked_went_well(c, unpack_bundle(c->area, c->pool, c->body, &w, &err), &err))
        call_json(c, 200, &out);
}

static const struct route table[] = {
    {.method = "POST",
     .path = "/api/v1/bundles",
     .handle = post_bundle,
     .who = WHO_ADMIN,
     .lane = LANE_ARCHIVE,
     .max_body = MAX_LIST,
     .summary = "Makes a bundle of all that a list of packages or a lock file needs",
     .body = "text/plain",
     .answer = "Started",
     .status = 202},
    {.method = "PUT",
     .path = "/api/v1/bundles",
     .handle = put_bundle,
     .who = WHO_ADMIN,
     .lane = LANE_ARCHIVE,
     .max_body = MAX_BUNDLE,
     .summary = "Takes in a bundle: whole, or nothing of it",
     .body = "application/x-tar",
     .answer = "BundleImport"},
    {.method = "GET",
     .path = "/api/v1/bundles/:bundle",
     .handle = get_bundle,
     .who = WHO_ADMIN,
     .summary = "What a bundle holds, and what was left out and why",
     .answer = "Bundle"},
    {.method = "GET",
     .path = "/api/v1/bundles/:bundle/file",
     .handle = get_file,
     .who = WHO_ADMIN,
     .lane = LANE_READ,
     .summary = "The bundle itself",
     .answer = "application/x-tar"},
};

int routes_offline(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
