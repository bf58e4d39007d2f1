#include "tenants/sandbox/init.h"

#include "core/err.h"
#include "tenants/sandbox/landlock.h"
#include "tenants/sandbox/privilege.h"
#include "tenants/sandbox/rootfs.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/sandbox/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OOM_SCORE "500" /* when the whole machine runs out, tenants go before the server */
#define FD_MAX 16

static void report(int control, enum sandbox_report_kind kind, int code, const char *text)
{
    struct sandbox_report r = {.kind = kind, .code = code};

    if (text != NULL)
        snprintf(r.text, sizeof(r.text), "%s", text);
    (void)!send(control, &r, sizeof(r), MSG_NOSIGNAL);
}

/* The starter says go; when it is gone there is nobody to run for. */
static void await_go(int control)
{
    char go;

    if (recv(control, &go, 1, 0) != 1)
        _exit(1);
}

static void raise_oom_score(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)!write(fd, OOM_SCORE, sizeof(OOM_SCORE) - 1);
    close(fd);
}

static int build(const struct sandbox_spec *spec, const int *trees, bool *landlock, struct err *err)
{
    raise_oom_score();
    umask(0022);
    if (unshare(CLONE_NEWCGROUP) != 0)
        return err_errno(err, "cannot make a cgroup namespace");
    if (sethostname(spec->name, strlen(spec->name)) != 0)
        return err_errno(err, "cannot set the sandbox's host name");
    if (rootfs_enter(spec, trees, err) != 0 ||
        privilege_limits(spec->pids, spec->file_bytes, err) != 0 ||
        privilege_drop_all(spec->uid, spec->gid, err) != 0)
        return -1;
    /* Only now: a change of ids clears both. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_errno(err, "cannot tie the sandbox to its warden");
    if (landlock_confine(spec, landlock, err) != 0 || seccomp_confine(err) != 0)
        return -1;
    if (chdir(spec->workdir) != 0)
        return err_errno(err, "cannot enter %s in the sandbox", spec->workdir);
    return 0;
}

/* Moved up first, so that none is overwritten before it was copied. */
static int place_fds(const struct sandbox_spec *spec, int *status_fd)
{
    int moved[FD_MAX];

    for (unsigned i = 0; i < spec->n_fds; i++)
        if ((moved[i] = fcntl(spec->fds[i], F_DUPFD_CLOEXEC, FD_MAX)) < 0)
            return -1;
    *status_fd = fcntl(*status_fd, F_DUPFD_CLOEXEC, FD_MAX);
    if (*status_fd < 0)
        return -1;
    for (unsigned i = 0; i < spec->n_fds; i++)
        if (dup2(moved[i], (int)i) < 0)
            return -1;
    return close_range(spec->n_fds, ~0U, CLOSE_RANGE_CLOEXEC);
}

static _Noreturn void exec_program(const struct sandbox_spec *spec, int status_fd)
{
    sigset_t none;

    sigemptyset(&none);
    for (int s = 1; s < 32; s++)
        signal(s, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    if (place_fds(spec, &status_fd) == 0)
        execve(spec->argv[0], spec->argv, spec->env);
    int code = errno;
    (void)!write(status_fd, &code, sizeof(code));
    _exit(127);
}

static pid_t start_program(const struct sandbox_spec *spec, int control)
{
    int status[2], code = 0;
    char text[160];

    if (pipe2(status, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        exec_program(spec, status[1]);
    close(status[1]);
    ssize_t n = pid > 0 ? read(status[0], &code, sizeof(code)) : -1;
    close(status[0]);
    if (n == 0)
        return pid;
    snprintf(text, sizeof(text), "cannot execute %s: %s", spec->argv[0],
             strerror(n > 0 ? code : errno));
    report(control, SANDBOX_FAILED, 0, text);
    return -1;
}

/* True when the program itself ended; what it left behind is reaped along the way. */
static bool reap(pid_t program, int control)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != program)
            continue;
        if (WIFSIGNALED(status))
            report(control, SANDBOX_KILLED, WTERMSIG(status), NULL);
        else
            report(control, SANDBOX_EXITED, WEXITSTATUS(status), NULL);
        return true;
    }
    return false;
}

static void supervise(pid_t program, int control, int signals)
{
    struct pollfd polled[] = {{.fd = signals, .events = POLLIN}, {.fd = control, .events = POLLIN}};
    struct signalfd_siginfo info;
    char order;

    for (;;) {
        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            return;
        if (polled[1].revents != 0) {
            ssize_t n = recv(control, &order, 1, MSG_DONTWAIT);
            if (n == 0 || (n < 0 && errno != EAGAIN))
                return;
            if (n == 1 && order == 'T')
                kill(program, SIGTERM);
        }
        if (polled[0].revents != 0)
            (void)!read(signals, &info, sizeof(info));
        if (reap(program, control))
            return;
    }
}

void init_run(const struct sandbox_spec *spec, const int *trees, int control)
{
    struct err err;
    bool landlock = false;
    sigset_t child;

    await_go(control);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || build(spec, trees, &landlock, &err) != 0) {
        report(control, SANDBOX_FAILED, 0, signals < 0 ? "cannot watch for signals" : err.text);
        _exit(1);
    }
    report(control, SANDBOX_BUILT, landlock ? 1 : 0, NULL);
    await_go(control);
    pid_t program = start_program(spec, control);
    if (program < 0)
        _exit(1);
    /* All but two descriptors close, so that their ends outside tell when the program let go. */
    if (dup3(control, 0, O_CLOEXEC) < 0 || dup3(signals, 1, O_CLOEXEC) < 0 ||
        close_range(2, ~0U, 0) != 0)
        _exit(1);
    prctl(PR_SET_NAME, "redhouse-init", 0, 0, 0);
    report(0, SANDBOX_RUNNING, 0, NULL);
    supervise(program, 0, 1);
    _exit(0);
}
