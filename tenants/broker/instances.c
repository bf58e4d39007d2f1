/*
 * The verbs about instances.
 */
#include "core/err.h"
#include "core/pool.h"
#include "tenants/broker/attempt.h"
#include "tenants/broker/check.h"
#include "tenants/broker/folders.h"
#include "tenants/broker/helper.h"
#include "tenants/broker/lock.h"
#include "tenants/broker/state.h"
#include "tenants/broker/tree.h"
#include "tenants/sandbox/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENDING_MS 2000 /* for a warden that is on its way out */
#define KILLED_MS 5000
#define START_MS 15000

void instance_prepare(struct broker *b, const struct asked *asked)
{
    const char *id = asked->request.id;
    const struct folder_owner servers = {b->config->server_uid, b->config->server_gid, 0700, 0};
    struct err err;
    uid_t uid;
    int fds[3] = {-1, -1, -1};

    int rc = uids_give(&b->uids, id, &uid, &err);
    if (rc == 0 && ((fds[0] = folder_make(b->instances, id,
                                          &(struct folder_owner){uid, uid, 0700, 0}, &err)) < 0 ||
                    (fds[1] = folder_make(b->run_instances, id, &servers, &err)) < 0 ||
                    (fds[2] = folder_make(b->logs_instances, id, &servers, &err)) < 0))
        rc = -1;
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (rc == 0)
        broker_reply_ok(b, asked->request.serial, 0);
    else
        broker_reply_err(b, asked->request.serial, &err);
}

/* Its content can change no more, so that what was checked is what the launcher reads. */
static int check_document(int fd, struct err *err)
{
    const int needed = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    struct stat st;
    int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & needed) != needed || fstat(fd, &st) != 0)
        return err_set(err, ERR_INVALID, "bad_document",
                       "The settings document must be a memory file sealed against writing.");
    if (st.st_size > BROKER_DOCUMENT_MAX)
        return err_set(err, ERR_TOO_LARGE, "bad_document", "The settings document is too large.");
    return lseek(fd, 0, SEEK_SET) == 0 ? 0 : err_errno(err, "cannot rewind the settings document");
}

static int open_user_dir(struct broker *b, const char *id, uid_t *uid, struct err *err)
{
    struct stat st;

    if (!uids_find(&b->uids, id, uid))
        return err_set(err, ERR_NOT_FOUND, "not_prepared", "The instance %s was never prepared.",
                       id);
    int fd = folder_open(b->instances, id, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && st.st_uid == *uid)
        return fd;
    close(fd);
    return err_set(err, ERR_FORBIDDEN, "bad_folder",
                   "The user directory of %s belongs to uid %u where %u is expected.", id,
                   st.st_uid, *uid);
}

static int open_servers_dir(struct broker *b, int dir, const char *id, struct err *err)
{
    struct stat st;
    int fd = folder_open(dir, id, err);

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && st.st_uid == b->config->server_uid)
        return fd;
    close(fd);
    return err_set(err, ERR_FORBIDDEN, "bad_folder", "A folder of %s is not the server's.", id);
}

static int open_all(struct broker *b, const struct asked *asked, struct helper_warden *w,
                    uid_t *uid, struct err *err)
{
    const struct broker_request *r = &asked->request;

    w->fds[WARDEN_FD_DOCUMENT] = asked->fds[0];
    if (check_document(asked->fds[0], err) != 0 ||
        (w->fds[WARDEN_FD_DATA] = open_user_dir(b, r->id, uid, err)) < 0 ||
        (w->fds[WARDEN_FD_RUN] = open_servers_dir(b, b->run_instances, r->id, err)) < 0 ||
        (w->fds[WARDEN_FD_LOG] = open_servers_dir(b, b->logs_instances, r->id, err)) < 0 ||
        (w->fds[WARDEN_FD_STACK] = folder_open_stack(b, r->stack, err)) < 0 ||
        (w->fds[WARDEN_FD_PLUGINS] = folder_open_plugins(b, r->plugins, err)) < 0)
        return -1;
    return 0;
}

static void close_all(struct helper_warden *w)
{
    for (int i = 0; i < WARDEN_FD_END; i++)
        if (i != WARDEN_FD_DOCUMENT && w->fds[i] >= 0)
            close(w->fds[i]);
}

static int remove_cgroup(void *arg, struct warden_report *report, struct err *err)
{
    const struct helper *h = arg;

    return cgroup_remove(h->id, err);
}

/* Holding the lock, so that no new warden of the same id makes its group meanwhile. */
static void clean_up_after(struct broker *b, const char *id)
{
    int lock = lock_take(b, id, NULL);

    if (lock < 0)
        return;
    struct helper *h = helper_new(b, id, 0);
    if (helper_fork(h, remove_cgroup, h, NULL) != 0)
        helper_free(h);
    close(lock);
}

static void on_started(struct helper *h)
{
    struct err err = {.kind = ERR_INTERNAL, .code = h->report.code};

    if (h->report.status == 0) {
        broker_reply_ok(h->broker, h->serial, 0);
        return;
    }
    snprintf(err.text, sizeof(err.text), "%s", h->report.text);
    broker_reply_err(h->broker, h->serial, &err);
}

static void on_warden_end(struct helper *h)
{
    if (h->serial != 0 && !h->reported)
        on_started(h);
    clean_up_after(h->broker, h->id);
}

static void fill_record(struct broker *b, const struct broker_request *r, uid_t uid,
                        struct warden_record *record)
{
    *record = (struct warden_record){
        .version = WARDEN_RECORD_VERSION,
        .kind = WARDEN_INSTANCE,
        .public_port = r->public_port,
        .uid = uid,
        .gid = uid,
        .server_uid = b->config->server_uid,
        .server_gid = b->config->server_gid,
        .generation = r->generation,
        .memory_bytes = r->memory_bytes,
        .cpu_percent = r->cpu_percent,
        .pids = r->pids,
    };
    snprintf(record->id, sizeof(record->id), "%s", r->id);
    snprintf(record->public_host, sizeof(record->public_host), "%s", r->public_host);
    snprintf(record->node_options, sizeof(record->node_options), "%s", r->node_options);
}

static int start(struct broker *b, const struct asked *asked, int lock, struct err *err)
{
    struct warden_record record;
    struct helper_warden w = {.record = &record, .deadline_ms = START_MS};
    uid_t uid = 0;

    for (int i = 0; i < WARDEN_FD_END; i++)
        w.fds[i] = -1;
    w.fds[WARDEN_FD_LOCK] = lock;
    int rc = open_all(b, asked, &w, &uid, err);
    if (rc == 0) {
        fill_record(b, &asked->request, uid, &record);
        struct helper *h = helper_new(b, asked->request.id, asked->request.serial);
        h->is_instance = true;
        h->on_report = on_started;
        h->on_end = on_warden_end;
        rc = helper_exec_warden(h, &w, err);
        if (rc != 0)
            helper_free(h);
    }
    close_all(&w);
    return rc;
}

static bool try_start(struct attempt *a)
{
    struct err err;
    int lock = lock_take(a->broker, a->asked.request.id, &err);

    if (lock < 0 && err.kind == ERR_CONFLICT && a->left > 0)
        return false;
    if (lock < 0 || start(a->broker, &a->asked, lock, &err) != 0)
        broker_reply_err(a->broker, a->asked.request.serial, &err);
    return true;
}

void instance_begin(struct broker *b, const struct asked *asked)
{
    attempt_begin(b, asked, ENDING_MS, try_start);
}

static bool has_warden(const struct broker *b, const char *id)
{
    for (const struct helper *h = b->helpers; h != NULL; h = h->next)
        if (h->is_instance && strcmp(h->id, id) == 0)
            return true;
    return false;
}

/* Kills whoever holds the lock. The lock once nobody does and the warden is no more; -1: not yet.
 */
static int kill_and_lock(struct attempt *a, struct err *err)
{
    const char *id = a->asked.request.id;
    int pidfd = lock_holder(a->broker, id);

    if (pidfd >= 0) {
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        close(pidfd);
    }
    if (has_warden(a->broker, id))
        return err_set(err, ERR_CONFLICT, "already_running", "The instance does not end.");
    return lock_take(a->broker, id, err);
}

static int remove_all(void *arg, struct warden_report *report, struct err *err)
{
    struct helper *h = arg;
    struct broker *b = h->broker;

    if (cgroup_remove(h->id, err) != 0 || tree_remove(b->instances, h->id, err) != 0 ||
        tree_remove(b->run_instances, h->id, err) != 0 ||
        tree_remove(b->logs_instances, h->id, err) != 0)
        return -1;
    lock_remove(b, h->id);
    return 0;
}

/* Only of this data folder: another server of this machine may have its own beside it. */
static bool has_cgroup(const struct broker *b, const char *id)
{
    return folder_exists(b->run_instances, id) && cgroup_exists(id);
}

static bool try_end(struct attempt *a)
{
    struct broker *b = a->broker;
    const struct broker_request *r = &a->asked.request;
    bool removes = r->verb == BROKER_REMOVE;
    struct err err;
    int lock = kill_and_lock(a, &err);

    if (lock < 0 && err.kind == ERR_CONFLICT && a->left > 0)
        return false;
    if (lock < 0) {
        broker_reply_err(b, r->serial, &err);
    } else if (!removes && !has_cgroup(b, r->id)) {
        broker_reply_ok(b, r->serial, 0);
    } else {
        struct helper *h = helper_new(b, r->id, r->serial);
        h->on_end = on_started;
        if (helper_fork(h, removes ? remove_all : remove_cgroup, h, &err) != 0) {
            broker_reply_err(b, h->serial, &err);
            helper_free(h);
        }
    }
    if (lock >= 0)
        close(lock);
    return true;
}

static int end_sandbox(void *arg, struct warden_report *report, struct err *err)
{
    const struct helper *h = arg;

    cgroup_end(h->id, KILLED_MS);
    return 0;
}

static void on_sandbox_ended(struct helper *h)
{
    struct asked *asked = h->arg;

    attempt_begin(h->broker, asked, KILLED_MS, try_end);
    free(asked);
}

/* The sandbox first: of a warden that is killed it is an orphan, and nobody can tell when the last
 * of it has gone. */
void instance_end(struct broker *b, const struct asked *asked)
{
    const struct broker_request *r = &asked->request;

    if (!has_cgroup(b, r->id)) {
        attempt_begin(b, asked, KILLED_MS, try_end);
        return;
    }
    struct helper *h = helper_new(b, r->id, r->serial);
    struct asked *kept = xcalloc(1, sizeof(*kept));
    struct err err;
    *kept = (struct asked){.request = *r, .fds = {-1, -1}};
    h->arg = kept;
    h->on_end = on_sandbox_ended;
    if (helper_fork(h, end_sandbox, h, &err) == 0)
        return;
    broker_reply_err(b, r->serial, &err);
    free(kept);
    helper_free(h);
}

static void adopt(struct broker *b, const char *id)
{
    int pidfd = lock_holder(b, id);

    if (pidfd < 0)
        return;
    struct helper *h = helper_new(b, id, 0);
    h->is_instance = true;
    h->on_end = on_warden_end;
    if (helper_adopt(h, pidfd, NULL) != 0)
        helper_free(h);
}

/* Only groups of this data folder: another server of this machine may have its own beside them. */
static void sweep(void *arg, const char *name)
{
    struct broker *b = arg;

    if (!check_id(name) || helper_find(b, name) != NULL)
        return;
    if (folder_exists(b->run_instances, name)) {
        clean_up_after(b, name);
    } else if (folder_exists(b->jobs, name)) {
        struct helper *h = helper_new(b, name, 0);
        if (helper_fork(h, remove_cgroup, h, NULL) != 0)
            helper_free(h);
    }
}

void instance_adopt_all(struct broker *b)
{
    lock_each(b, adopt);
    cgroup_each(sweep, b);
}
