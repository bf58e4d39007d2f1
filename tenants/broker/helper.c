#include "tenants/broker/helper.h"

#include "core/err.h"
#include "core/pool.h"
#include "tenants/broker/lock.h"
#include "tenants/broker/state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct helper *helper_new(struct broker *b, const char *id, uint32_t serial)
{
    struct helper *h = xcalloc(1, sizeof(*h));

    h->broker = b;
    h->serial = serial;
    snprintf(h->id, sizeof(h->id), "%s", id);
    h->exit.fd = h->pipe.fd = -1;
    h->report.status = -1;
    snprintf(h->report.code, sizeof(h->report.code), "helper_lost");
    snprintf(h->report.text, sizeof(h->report.text),
             "The process that did it ended without a word.");
    h->next = b->helpers;
    h->link = &b->helpers;
    if (h->next != NULL)
        h->next->link = &h->next;
    b->helpers = h;
    return h;
}

struct helper *helper_find(struct broker *b, const char *id)
{
    for (struct helper *h = b->helpers; h != NULL; h = h->next)
        if (strcmp(h->id, id) == 0)
            return h;
    return NULL;
}

void helper_free(struct helper *h)
{
    struct loop *loop = h->broker->loop;

    loop_watch_clear(loop, &h->exit);
    loop_watch_clear(loop, &h->pipe);
    loop_timer_clear(loop, &h->deadline);
    if (h->exit.fd >= 0)
        close(h->exit.fd);
    if (h->pipe.fd >= 0)
        close(h->pipe.fd);
    *h->link = h->next;
    if (h->next != NULL)
        h->next->link = h->link;
    free(h);
}

void helper_kill(struct helper *h)
{
    syscall(SYS_pidfd_send_signal, h->exit.fd, SIGKILL, NULL, 0);
}

static void take_report(struct helper *h)
{
    struct warden_report report;

    if (h->pipe.fd < 0)
        return;
    ssize_t n = read(h->pipe.fd, &report, sizeof(report));
    if (n < 0 && errno == EAGAIN)
        return;
    loop_watch_clear(h->broker->loop, &h->pipe);
    close(h->pipe.fd);
    h->pipe.fd = -1;
    if (n != (ssize_t)sizeof(report))
        return;
    report.code[sizeof(report.code) - 1] = report.text[sizeof(report.text) - 1] = '\0';
    h->report = report;
    h->reported = true;
    loop_timer_clear(h->broker->loop, &h->deadline);
    if (h->on_report != NULL)
        h->on_report(h);
}

static void on_pipe(void *arg, uint32_t events)
{
    (void)events;
    take_report(arg);
}

static void on_exit_of_helper(void *arg, uint32_t events)
{
    struct helper *h = arg;

    (void)events;
    take_report(h);
    loop_watch_clear(h->broker->loop, &h->exit);
    if (h->pid > 0)
        while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    if (h->on_end != NULL)
        h->on_end(h);
    helper_free(h);
}

static void on_deadline(void *arg)
{
    helper_kill(arg);
}

static int watch(struct helper *h, int pidfd, struct err *err)
{
    h->exit = (struct loop_watch){.fn = on_exit_of_helper, .arg = h, .fd = pidfd};
    h->deadline = (struct loop_timer){.fn = on_deadline, .arg = h};
    return pidfd < 0 ? err_errno(err, "cannot watch a process")
                     : loop_watch_set(h->broker->loop, &h->exit, EPOLLIN, err);
}

int helper_adopt(struct helper *h, int pidfd, struct err *err)
{
    return watch(h, pidfd, err);
}

/* Forks with a report pipe. In the child *report_fd is its end, and 0 is returned. */
static pid_t fork_reporting(struct helper *h, int *report_fd, struct err *err)
{
    int pipefd[2];

    if (pipe2(pipefd, O_CLOEXEC) != 0)
        return err_errno(err, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(pipefd[0]);
        *report_fd = pipefd[1];
        return 0;
    }
    close(pipefd[1]);
    if (pid < 0) {
        close(pipefd[0]);
        return err_errno(err, "cannot start a process");
    }
    (void)fcntl(pipefd[0], F_SETFL, O_NONBLOCK);
    h->pid = pid;
    h->pipe = (struct loop_watch){.fn = on_pipe, .arg = h, .fd = pipefd[0]};
    if (watch(h, (int)syscall(SYS_pidfd_open, pid, 0), err) != 0 ||
        loop_watch_set(h->broker->loop, &h->pipe, EPOLLIN, err) != 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return -1;
    }
    return pid;
}

int helper_fork(struct helper *h, helper_fn *fn, void *arg, struct err *err)
{
    int report_fd = -1;
    pid_t pid = fork_reporting(h, &report_fd, err);

    if (pid != 0)
        return pid > 0 ? 0 : -1;
    struct warden_report report = {.status = 0};
    struct err why = {.code = "internal"};
    close(h->broker->socket.fd);
    if (fn(arg, &report, &why) != 0) {
        report.status = -1;
        snprintf(report.code, sizeof(report.code), "%s", why.code);
        snprintf(report.text, sizeof(report.text), "%s", why.text);
    }
    (void)!write(report_fd, &report, sizeof(report));
    _exit(0);
}

/* A pipe would do, but a memory file can be read whole whatever its size. */
static int record_file(const struct warden_record *record)
{
    int fd = memfd_create("record", MFD_CLOEXEC);

    if (fd >= 0 && pwrite(fd, record, sizeof(*record), 0) != (ssize_t)sizeof(*record)) {
        close(fd);
        return -1;
    }
    return fd;
}

static _Noreturn void fail_early(const struct err *err, int report_fd)
{
    struct warden_report report = {.status = -1};

    snprintf(report.code, sizeof(report.code), "%s", err->code);
    snprintf(report.text, sizeof(report.text), "%s", err->text);
    (void)!write(report_fd, &report, sizeof(report));
    _exit(1);
}

static _Noreturn void exec_warden(const struct helper *h, struct helper_warden *w, int report)
{
    int moved[WARDEN_FD_END], null = open("/dev/null", O_RDWR);
    char name[] = "redhouse-warden", *argv[] = {name, NULL}, *env[] = {NULL};
    sigset_t none;
    struct err err;

    /* Here, not in the broker: that may be killed before it gets to it, and what holds a lock
     * without a pid nobody can end. */
    if (w->fds[WARDEN_FD_LOCK] >= 0)
        lock_write_pid(w->fds[WARDEN_FD_LOCK], getpid());
    if (w->before != NULL && w->before(w, &err) != 0)
        fail_early(&err, report);
    memcpy(moved, w->fds, sizeof(moved));
    moved[0] = moved[1] = moved[2] = null;
    moved[WARDEN_FD_RECORD] = record_file(w->record);
    moved[WARDEN_FD_REPORT] = report;
    int exe = fcntl(h->broker->warden_fd, F_DUPFD_CLOEXEC, 64);
    for (int i = 0; i < WARDEN_FD_END; i++)
        if (moved[i] >= 0 && (moved[i] = fcntl(moved[i], F_DUPFD_CLOEXEC, 64)) < 0)
            _exit(126);
    for (int i = 0; i < WARDEN_FD_END; i++) {
        close(i);
        if (moved[i] >= 0 && dup2(moved[i], i) < 0)
            _exit(126);
    }
    close_range(WARDEN_FD_END, 63, 0);
    close_range(64, ~0U, CLOSE_RANGE_CLOEXEC);
    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (h->is_job)
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    syscall(SYS_execveat, exe, "", argv, env, AT_EMPTY_PATH);
    _exit(127);
}

int helper_exec_warden(struct helper *h, struct helper_warden *w, struct err *err)
{
    int report_fd = -1;
    pid_t pid = fork_reporting(h, &report_fd, err);

    if (pid == 0)
        exec_warden(h, w, report_fd);
    if (pid < 0)
        return -1;
    if (w->deadline_ms > 0)
        loop_timer_set(h->broker->loop, &h->deadline, w->deadline_ms);
    return 0;
}
