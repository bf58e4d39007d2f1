#include "tenants/warden/job.h"

#include "core/embedded.h"
#include "core/err.h"
#include "core/loop.h"
#include "core/pool.h"
#include "tenants/sandbox/cgroup.h"
#include "tenants/sandbox/netns.h"
#include "tenants/sandbox/privilege.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/warden/carrier.h"
#include "tenants/warden/record.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TMP_BYTES (256ULL << 20)
#define FILE_BYTES (512ULL << 20)
#define NPM "/stack/node_modules/npm/bin/npm-cli.js"

extern const struct embedded job_scripts[];

struct job {
    const struct warden_record *record;
    struct warden_report *report;
    struct cgroup cgroup;
    struct sandbox sandbox;
    struct carrier *carrier;
    struct loop *loop;
    struct loop_watch exit;
    struct loop_timer deadline;
    bool late;
};

/* What a kind of job sees and runs. */
struct recipe {
    struct sandbox_mount mounts[4];
    unsigned n_mounts;
    char workdir[300];
    char *argv[8];
};

static void add_mount(struct recipe *r, int fd, const char *target, unsigned flags)
{
    r->mounts[r->n_mounts++] = (struct sandbox_mount){fd, target, flags};
}

/* git: does it read a repository of this machine? */
static bool is_local(const struct warden_record *record)
{
    return record->kind == WARDEN_GIT && record->subdir[0] != '\0';
}

static bool has_network(const struct warden_record *record)
{
    return record->kind == WARDEN_GIT && !is_local(record);
}

static void add_words(struct recipe *r, const char *const *words)
{
    unsigned n = 0;

    for (; words[n] != NULL; n++)
        r->argv[n] = xstrdup(words[n]);
    r->argv[n] = NULL;
}

static void write_recipe(struct recipe *r, const struct warden_record *record)
{
    static const char *const git[] = {"/redhouse", "git-fetch", NULL};
    static const char *const unpack[] = {"/redhouse", "unpack", NULL};
    static const char *const pack[] = {"/stack/bin/node",
                                       NPM,
                                       "pack",
                                       "--ignore-scripts",
                                       "--json",
                                       "--pack-destination=/job/out",
                                       NULL};
    const char *const stack[] = {"/stack/bin/node", "-e", (const char *)job_scripts[0].bytes, NULL};

    memset(r, 0, sizeof(*r));
    add_mount(r, WARDEN_FD_DATA, "/job/out", SANDBOX_WRITABLE);
    snprintf(r->workdir, sizeof(r->workdir), "/job/out");
    if (record->kind == WARDEN_PACK) {
        add_mount(r, WARDEN_FD_STACK, "/stack", SANDBOX_READ_ONLY);
        add_mount(r, WARDEN_FD_SOURCE, "/job/src", SANDBOX_READ_ONLY);
        snprintf(r->workdir, sizeof(r->workdir), "/job/src/%s", record->subdir);
        add_words(r, pack);
        return;
    }
    add_mount(r, WARDEN_FD_DOCUMENT, "/job/in", SANDBOX_FILE);
    if (is_local(record))
        add_mount(r, WARDEN_FD_SOURCE, "/job/repository", SANDBOX_READ_ONLY);
    if (record->kind == WARDEN_GIT || record->kind == WARDEN_UNPACK) {
        add_mount(r, WARDEN_FD_SELF, "/redhouse", SANDBOX_FILE);
        add_words(r, record->kind == WARDEN_GIT ? git : unpack);
        return;
    }
    add_mount(r, WARDEN_FD_STACK, "/stack", SANDBOX_READ_ONLY);
    add_words(r, stack);
}

static int start_sandbox(struct job *job, struct err *err)
{
    const struct warden_record *record = job->record;
    char home[] = "HOME=/tmp", path[] = "PATH=/stack/bin:/usr/bin:/bin", lang[] = "LANG=C.UTF-8",
         cache[] = "npm_config_cache=/tmp/npm", notifier[] = "npm_config_update_notifier=false";
    char *env[] = {home, path, lang, cache, notifier, NULL};
    struct recipe recipe;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int fds[] = {null, WARDEN_FD_LOG, WARDEN_FD_LOG};

    write_recipe(&recipe, record);
    const struct sandbox_spec spec = {
        .name = record->id,
        .uid = record->uid,
        .gid = record->gid,
        .mounts = recipe.mounts,
        .n_mounts = recipe.n_mounts,
        .public_host = record->public_host,
        .host_network = has_network(record),
        .workdir = recipe.workdir,
        .argv = recipe.argv,
        .env = env,
        .fds = fds,
        .n_fds = 3,
        .tmp_bytes = TMP_BYTES,
        .file_bytes = FILE_BYTES,
        .cgroup = &job->cgroup,
        .pids = record->pids,
    };
    int rc = sandbox_start(&job->sandbox, &spec, err);
    for (unsigned i = 0; recipe.argv[i] != NULL; i++)
        free(recipe.argv[i]);
    close(null);
    return rc;
}

/* A job ends with the broker. The change of ids has cleared what was set before the start. */
static int end_with(pid_t broker, struct err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return err_errno(err, "cannot tie the job to the broker");
    return getppid() == broker ? 0 : err_set(err, ERR_INTERNAL, "sandbox", "the broker has ended");
}

static int start(struct job *job, struct err *err)
{
    const struct warden_record *r = job->record;
    const struct cgroup_limits limits = {r->memory_bytes, r->cpu_percent, r->pids};
    pid_t broker = getppid();

    if (!has_network(r) && netns_enter(r->public_host, err) != 0)
        return -1;
    if (r->kind == WARDEN_STACK &&
        (fchdir(WARDEN_FD_RUN) != 0 || (job->carrier = carrier_open(r->public_port, err)) == NULL))
        return -1;
    if (cgroup_make(&job->cgroup, r->id, &limits, err) != 0 || start_sandbox(job, err) != 0)
        return -1;
    for (int fd = WARDEN_FD_LOG; fd < WARDEN_FD_END; fd++)
        close(fd);
    if (privilege_keep_kill(r->server_uid, r->server_gid, err) == 0 && end_with(broker, err) == 0)
        return 0;
    sandbox_kill(&job->sandbox);
    return -1;
}

static void fail(struct warden_report *report, const char *code, const char *text)
{
    report->status = -1;
    snprintf(report->code, sizeof(report->code), "%s", code);
    snprintf(report->text, sizeof(report->text), "%s", text);
}

static void judge(struct job *job, const struct sandbox_report *last)
{
    struct warden_report *report = job->report;
    struct cgroup_stats stats;

    cgroup_read(&job->cgroup, &stats);
    report->exit_code = 128 + SIGKILL;
    if (last != NULL)
        report->exit_code = last->kind == SANDBOX_EXITED ? last->code : 128 + last->code;
    if (job->late)
        fail(report, "job_timeout", "The job took longer than its deadline and was ended.");
    else if (report->exit_code != 0 && stats.oom_kills > 0)
        fail(report, "job_memory", "The job needed more memory than its limit.");
}

static void on_exit_of_sandbox(void *arg, uint32_t events)
{
    struct job *job = arg;
    struct sandbox_report report, last;
    bool told = false;
    int status;

    (void)events;
    while (sandbox_read(&job->sandbox, &report))
        if (report.kind == SANDBOX_EXITED || report.kind == SANDBOX_KILLED)
            last = report, told = true;
    loop_watch_clear(job->loop, &job->exit);
    sandbox_reap(&job->sandbox, &status);
    judge(job, told ? &last : NULL);
    cgroup_kill(&job->cgroup);
    loop_stop(job->loop);
}

static void on_deadline(void *arg)
{
    struct job *job = arg;

    job->late = true;
    sandbox_kill(&job->sandbox);
}

static int supervise(struct job *job, struct err *err)
{
    job->loop = loop_new(err);
    job->exit = (struct loop_watch){.fn = on_exit_of_sandbox, .arg = job, .fd = job->sandbox.pidfd};
    job->deadline = (struct loop_timer){.fn = on_deadline, .arg = job};
    if (job->loop == NULL || loop_watch_set(job->loop, &job->exit, EPOLLIN, err) != 0 ||
        (job->carrier != NULL && carrier_start(job->carrier, job->loop, err) != 0)) {
        sandbox_kill(&job->sandbox);
        return -1;
    }
    loop_timer_set(job->loop, &job->deadline, job->record->deadline_ms);
    loop_run(job->loop);
    return 0;
}

void job_run(const struct warden_record *record, struct warden_report *report)
{
    struct job job = {.record = record, .report = report};
    struct err err;

    if (start(&job, &err) != 0 || supervise(&job, &err) != 0)
        fail(report, err.code, err.text);
}
