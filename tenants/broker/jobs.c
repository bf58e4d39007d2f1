/*
 * The verbs about jobs.
 */
#include "core/err.h"
#include "core/pool.h"
#include "tenants/broker/attempt.h"
#include "tenants/broker/census.h"
#include "tenants/broker/folders.h"
#include "tenants/broker/helper.h"
#include "tenants/broker/state.h"
#include "tenants/broker/tree.h"
#include "tenants/sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX (4LL << 20)
#define UNPACK_INPUT_MAX (256LL << 20)
#define TIDY_MS 5000
#define OVERTIME_MS 15000 /* past the job's own deadline, which its warden keeps */

static bool is_job_uid(const struct broker *b, uid_t uid)
{
    return uid >= b->config->uid_base && uid < b->config->uid_base + UIDS_JOBS;
}

/* A job folder's group is its uid's number, so that the next broker knows it as well. */
static int free_job_uid(struct broker *b, uid_t *uid, struct err *err)
{
    bool taken[UIDS_JOBS] = {false};
    int copy = openat(b->jobs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *e;
    struct stat st;

    if (d == NULL)
        return err_errno(err, "cannot list the job folders");
    while ((e = readdir(d)) != NULL)
        if (fstatat(b->jobs, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_job_uid(b, st.st_gid))
            taken[st.st_gid - b->config->uid_base] = true;
    closedir(d);
    for (unsigned i = 0; i < UIDS_JOBS; i++) {
        if (taken[i])
            continue;
        *uid = b->config->uid_base + i;
        return 0;
    }
    return err_set(err, ERR_UNAVAILABLE, "too_many_jobs",
                   "Too many jobs wait to be cleaned up; try again later.");
}

static int open_job_folder(struct broker *b, const char *id, uid_t *uid, struct err *err)
{
    struct stat st;
    int fd = folder_open(b->jobs, id, err);

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && st.st_uid == 0 && is_job_uid(b, st.st_gid)) {
        *uid = st.st_gid;
        return fd;
    }
    close(fd);
    return err_set(err, ERR_FORBIDDEN, "bad_folder", "The job folder %s is not the broker's.", id);
}

static int make_job_folder(struct broker *b, const char *id, uid_t *uid, struct err *err)
{
    if (folder_exists(b->jobs, id))
        return err_set(err, ERR_CONFLICT, "job_exists", "There is a job of this id already.");
    if (free_job_uid(b, uid, err) != 0)
        return -1;
    return folder_make(b->jobs, id, &(struct folder_owner){0, *uid, 0711, 0}, err);
}

/* The input on its way into the job's folder. */
struct input {
    int job, from;
    uid_t uid;
};

static int check_input(int from, int64_t most, struct err *err)
{
    struct stat st;

    if (from < 0 || fstat(from, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "bad_input", "The job's input must be a file.");
    if (st.st_size > most)
        return err_set(err, ERR_TOO_LARGE, "bad_input", "The job's input is too large.");
    return 0;
}

/* in: a copy that the job's group may read and nobody may write. Between fork and exec of the job's
 * warden, since it may be long. */
static int write_input(struct helper_warden *w, struct err *err)
{
    const struct input *input = w->arg;
    struct stat st;
    off_t at = 0;
    ssize_t n = 1;
    int fd = openat(input->job, "in", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0440);

    if (fd < 0 || fstat(input->from, &st) != 0)
        return err_errno(err, "cannot write the job's input");
    while (at < st.st_size && n > 0)
        n = sendfile(fd, input->from, &at, (size_t)(st.st_size - at));
    if (n <= 0 || fchown(fd, 0, input->uid) != 0)
        return err_errno(err, "cannot write the job's input");
    close(fd);
    w->fds[WARDEN_FD_DOCUMENT] = openat(input->job, "in", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return w->fds[WARDEN_FD_DOCUMENT] < 0 ? err_errno(err, "cannot open the job's input") : 0;
}

/* out, for the job to write in; what a first job left there becomes src. */
static int make_out(int job, uid_t uid, bool takes_source, struct err *err)
{
    struct err missing;

    if (takes_source && !folder_exists(job, "src") && renameat(job, "out", job, "src") != 0)
        return errno == ENOENT ? err_set(err, ERR_CONFLICT, "no_source",
                                         "No finished git job left a source under this id.")
                               : err_errno(err, "cannot move the source");
    int fd = folder_open(job, "out", &missing);
    if (fd < 0 && missing.kind == ERR_NOT_FOUND)
        return folder_make(job, "out", &(struct folder_owner){uid, uid, 0700, 0}, err);
    if (fd < 0) {
        *err = missing;
        return -1;
    }
    if (fchown(fd, uid, uid) == 0)
        return fd;
    close(fd);
    return err_errno(err, "cannot give the job its out folder");
}

/* What each kind needs, into w->fds; input->job is opened or made. */

static int open_git(struct broker *b, const struct asked *asked, struct helper_warden *w,
                    struct input *input, struct err *err)
{
    if (check_input(input->from, INPUT_MAX, err) != 0 ||
        (input->job = make_job_folder(b, asked->request.id, &input->uid, err)) < 0)
        return -1;
    if (asked->request.subdir[0] != '\0' &&
        (w->fds[WARDEN_FD_SOURCE] = folder_open_repository(b, asked->request.subdir, err)) < 0)
        return -1;
    w->fds[WARDEN_FD_SELF] = fcntl(b->self_fd, F_DUPFD_CLOEXEC, 3);
    w->fds[WARDEN_FD_DATA] = make_out(input->job, input->uid, false, err);
    return w->fds[WARDEN_FD_DATA] < 0 ? -1 : 0;
}

static int open_pack(struct broker *b, const struct asked *asked, struct helper_warden *w,
                     struct input *input, struct err *err)
{
    input->job = open_job_folder(b, asked->request.id, &input->uid, err);
    if (input->job < 0 ||
        (w->fds[WARDEN_FD_STACK] = folder_open_stack(b, asked->request.stack, err)) < 0 ||
        (w->fds[WARDEN_FD_DATA] = make_out(input->job, input->uid, true, err)) < 0 ||
        (w->fds[WARDEN_FD_SOURCE] = folder_open(input->job, "src", err)) < 0)
        return -1;
    return 0;
}

/* The stack being made lies in the stacks folder already, so that committing it is one rename. */
static int make_stack_out(struct broker *b, const char *id, struct helper_warden *w, uid_t uid,
                          struct err *err)
{
    char name[64];

    snprintf(name, sizeof(name), ".job-%s", id);
    w->fds[WARDEN_FD_DATA] =
        folder_make(b->stacks, name, &(struct folder_owner){uid, uid, 0700, 0}, err);
    return w->fds[WARDEN_FD_DATA] < 0 ? -1 : 0;
}

static int open_stack(struct broker *b, const struct asked *asked, struct helper_warden *w,
                      struct input *input, struct err *err)
{
    const char *id = asked->request.id;

    if (check_input(input->from, INPUT_MAX, err) != 0 ||
        (input->job = make_job_folder(b, id, &input->uid, err)) < 0 ||
        (w->fds[WARDEN_FD_STACK] = folder_open_stack(b, asked->request.stack, err)) < 0 ||
        (w->fds[WARDEN_FD_RUN] = folder_open(b->run_jobs, id, err)) < 0)
        return -1;
    return make_stack_out(b, id, w, input->uid, err);
}

/* As a stack, but by our own binary and without a stack to begin with. */
static int open_unpack(struct broker *b, const struct asked *asked, struct helper_warden *w,
                       struct input *input, struct err *err)
{
    const char *id = asked->request.id;

    if (check_input(input->from, UNPACK_INPUT_MAX, err) != 0 ||
        (input->job = make_job_folder(b, id, &input->uid, err)) < 0)
        return -1;
    w->fds[WARDEN_FD_SELF] = fcntl(b->self_fd, F_DUPFD_CLOEXEC, 3);
    return make_stack_out(b, id, w, input->uid, err);
}

static void fill_record(struct broker *b, const struct broker_request *r, uid_t uid,
                        struct warden_record *record)
{
    static const uint32_t kinds[] = {[BROKER_JOB_GIT] = WARDEN_GIT,
                                     [BROKER_JOB_PACK] = WARDEN_PACK,
                                     [BROKER_JOB_STACK] = WARDEN_STACK,
                                     [BROKER_JOB_UNPACK] = WARDEN_UNPACK};

    *record = (struct warden_record){
        .version = WARDEN_RECORD_VERSION,
        .kind = kinds[r->job_kind],
        .public_port = r->public_port,
        .uid = uid,
        .gid = uid,
        .server_uid = b->config->server_uid,
        .server_gid = b->config->server_gid,
        .memory_bytes = r->memory_bytes,
        .cpu_percent = r->cpu_percent,
        .pids = r->pids,
        .deadline_ms = r->deadline_ms,
    };
    snprintf(record->id, sizeof(record->id), "%s", r->id);
    snprintf(record->public_host, sizeof(record->public_host), "%s", r->public_host);
    snprintf(record->subdir, sizeof(record->subdir), "%s", r->subdir);
}

/* What remains to be done after a job's warden: its group, its input (which holds secrets), and
 * giving what it made to the server. */
struct finish {
    struct broker *broker;
    struct helper *helper;
    struct census *census;
    struct warden_report report;
    uint32_t kind;
    int out;
};

static const struct census_bounds bounds_of[] = {
    [BROKER_JOB_GIT] = {1LL << 30, 200000},
    [BROKER_JOB_PACK] = {1LL << 30, 20000},
    [BROKER_JOB_STACK] = {4LL << 30, 500000},
    [BROKER_JOB_UNPACK] = {4LL << 30, 500000},
};

/* The group is the job's, whose next job reads it as its source. */
static int give_out(const struct finish *f, int job, struct err *err)
{
    const struct census_bounds *bounds = &bounds_of[f->kind];
    struct stat st;

    if (tree_measure(f->out, bounds->bytes, bounds->entries, err) != 0)
        return -1;
    if (f->kind == BROKER_JOB_STACK || f->kind == BROKER_JOB_UNPACK)
        return 0;
    if (fstat(job, &st) != 0)
        return err_errno(err, "cannot look at the job folder");
    return tree_give(f->out, f->broker->config->server_uid, st.st_gid, err);
}

static int finish(void *arg, struct warden_report *report, struct err *err)
{
    struct finish *f = arg;
    int rc = cgroup_remove(f->helper->id, err);
    int job = rc == 0 ? folder_open(f->broker->jobs, f->helper->id, err) : -1;

    *report = f->report;
    if (job < 0)
        return -1;
    (void)unlinkat(job, "in", 0);
    rc = give_out(f, job, err);
    close(job);
    /* What the job itself ended with says more. */
    return f->report.status != 0 ? 0 : rc;
}

static void free_finish(struct finish *f)
{
    close(f->out);
    free(f);
}

static void reply_report(struct helper *h)
{
    struct err err = {.kind = ERR_INTERNAL, .code = h->report.code};

    if (h->report.status == 0) {
        broker_reply_ok(h->broker, h->serial, h->report.exit_code);
        return;
    }
    snprintf(err.text, sizeof(err.text), "%s", h->report.text);
    broker_reply_err(h->broker, h->serial, &err);
}

static void on_finished(struct helper *h)
{
    free_finish(h->arg);
    reply_report(h);
}

static void on_job_end(struct helper *h)
{
    struct finish *f = h->arg;
    struct err err;

    f->report = h->report;
    if (h->killed)
        f->report = (struct warden_report){.status = 0, .exit_code = 137};
    /* Measured again when it is finished, which then says so. */
    if (census_end(f->census))
        f->report = (struct warden_report){.status = 0};
    struct helper *next = helper_new(h->broker, h->id, h->serial);
    next->arg = f;
    next->on_end = on_finished;
    f->helper = next;
    if (helper_fork(next, finish, f, &err) == 0)
        return;
    broker_reply_err(h->broker, h->serial, &err);
    free_finish(f);
    helper_free(next);
}

static int start(struct broker *b, const struct asked *asked, struct helper_warden *w, uid_t uid,
                 struct err *err)
{
    const struct broker_request *r = &asked->request;
    struct warden_record record;
    struct helper *h = helper_new(b, r->id, r->serial);

    fill_record(b, r, uid, &record);
    w->record = &record;
    w->deadline_ms = r->deadline_ms + OVERTIME_MS;
    h->is_job = true;
    h->on_end = on_job_end;
    if (helper_exec_warden(h, w, err) != 0) {
        helper_free(h);
        return -1;
    }
    struct finish *f = xcalloc(1, sizeof(*f));
    f->broker = b;
    f->kind = r->job_kind;
    f->out = fcntl(w->fds[WARDEN_FD_DATA], F_DUPFD_CLOEXEC, 3);
    f->census = census_begin(h, f->out, &bounds_of[f->kind]);
    h->arg = f;
    return 0;
}

static int begin(struct broker *b, const struct asked *asked, struct helper_warden *w,
                 struct input *input, struct err *err)
{
    static int (*const openers[])(struct broker *, const struct asked *, struct helper_warden *,
                                  struct input *, struct err *) = {
        [BROKER_JOB_GIT] = open_git,
        [BROKER_JOB_PACK] = open_pack,
        [BROKER_JOB_STACK] = open_stack,
        [BROKER_JOB_UNPACK] = open_unpack,
    };
    const struct broker_request *r = &asked->request;

    if (helper_find(b, r->id) != NULL)
        return err_set(err, ERR_CONFLICT, "job_exists", "A job of this id is running.");
    w->fds[WARDEN_FD_LOG] = fcntl(asked->fds[0], F_DUPFD_CLOEXEC, 3);
    if (w->fds[WARDEN_FD_LOG] < 0)
        return err_set(err, ERR_INVALID, "bad_request", "A job needs a log.");
    if (r->job_kind != BROKER_JOB_PACK)
        w->before = write_input;
    w->arg = input;
    if (openers[r->job_kind](b, asked, w, input, err) != 0)
        return -1;
    return start(b, asked, w, input->uid, err);
}

void job_begin(struct broker *b, const struct asked *asked)
{
    struct helper_warden w = {.record = NULL};
    struct input input = {.job = -1, .from = asked->fds[1]};
    struct err err;

    for (int i = 0; i < WARDEN_FD_END; i++)
        w.fds[i] = -1;
    if (begin(b, asked, &w, &input, &err) != 0)
        broker_reply_err(b, asked->request.serial, &err);
    for (int i = 0; i < WARDEN_FD_END; i++)
        if (w.fds[i] >= 0)
            close(w.fds[i]);
    if (input.job >= 0)
        close(input.job);
}

void job_kill(struct broker *b, const struct asked *asked)
{
    struct helper *h = helper_find(b, asked->request.id);

    if (h != NULL && h->is_job) {
        h->killed = true;
        helper_kill(h);
    }
    broker_reply_ok(b, asked->request.serial, 0);
}

static int remove_job(void *arg, struct warden_report *report, struct err *err)
{
    struct helper *h = arg;
    char name[80];

    snprintf(name, sizeof(name), ".job-%s", h->id);
    if (cgroup_remove(h->id, err) != 0 || tree_remove(h->broker->stacks, name, err) != 0 ||
        tree_remove(h->broker->run_jobs, h->id, err) != 0)
        return -1;
    return tree_remove(h->broker->jobs, h->id, err);
}

/* A job that runs is refused; what still tidies up after one is waited for. */
static bool try_clean(struct attempt *a)
{
    const struct broker_request *r = &a->asked.request;
    struct helper *busy = helper_find(a->broker, r->id);
    struct err err;

    if (busy != NULL && !busy->is_job && a->left > 0)
        return false;
    if (busy != NULL) {
        err_set(&err, ERR_CONFLICT, "job_runs", "The job still runs.");
        broker_reply_err(a->broker, r->serial, &err);
        return true;
    }
    struct helper *h = helper_new(a->broker, r->id, r->serial);
    h->on_end = reply_report;
    if (helper_fork(h, remove_job, h, &err) == 0)
        return true;
    broker_reply_err(a->broker, r->serial, &err);
    helper_free(h);
    return true;
}

void job_clean(struct broker *b, const struct asked *asked)
{
    attempt_begin(b, asked, TIDY_MS, try_clean);
}
