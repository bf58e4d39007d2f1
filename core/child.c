#include "core/child.h"

#include "core/clock.h"
#include "core/err.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_MAX_FDS 16

/* Gives the child's descriptors their numbers and closes all others at exec; report moves out of
 * their way. */
static int arrange(const struct child_spec *spec, int *report)
{
    int from[CHILD_MAX_FDS], base = 3;

    /* Above every target first, so that no dup2 overwrites a source. */
    for (unsigned i = 0; i < spec->n_fds; i++)
        base = spec->fds[i].to >= base ? spec->fds[i].to + 1 : base;
    int moved = fcntl(*report, F_DUPFD_CLOEXEC, base);
    if (moved < 0)
        return -1;
    *report = moved;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || (null = fcntl(null, F_DUPFD_CLOEXEC, base)) < 0)
        return -1;
    for (unsigned i = 0; i < spec->n_fds; i++)
        if ((from[i] = fcntl(spec->fds[i].from, F_DUPFD_CLOEXEC, base)) < 0)
            return -1;
    /* What somebody left open without close-on-exec stays with us, too. */
    (void)syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(null, fd) < 0)
            return -1;
    for (unsigned i = 0; i < spec->n_fds; i++)
        if (dup2(from[i], spec->fds[i].to) < 0)
            return -1;
    return 0;
}

/* After the fork: only async-signal-safe calls. */
static void become(const struct child_spec *spec, int report)
{
    sigset_t none;
    static const char *const no_env[] = {NULL};

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (spec->new_session)
        setsid();
    if (arrange(spec, &report) != 0)
        goto fail;
    if (spec->uid != 0 &&
        (setgroups(0, NULL) != 0 || setresgid(spec->gid, spec->gid, spec->gid) != 0 ||
         setresuid(spec->uid, spec->uid, spec->uid) != 0))
        goto fail;
    if (chdir(spec->cwd != NULL ? spec->cwd : "/") != 0)
        goto fail;
    execve(spec->path, (char *const *)(uintptr_t)spec->argv,
           (char *const *)(uintptr_t)(spec->env != NULL ? spec->env : no_env));
fail:;
    int code = errno;
    (void)!write(report, &code, sizeof(code));
    _exit(127);
}

int child_start(struct child *child, const struct child_spec *spec, struct err *err)
{
    int report[2], code = 0;

    if (spec->n_fds > CHILD_MAX_FDS)
        return err_set(err, ERR_INTERNAL, "too_many_fds", "A child takes %d descriptors.",
                       CHILD_MAX_FDS);
    if (pipe2(report, O_CLOEXEC) != 0)
        return err_errno(err, "%s cannot be started", spec->path);
    pid_t pid = fork();
    if (pid == 0)
        become(spec, report[1]);
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return err_errno(err, "%s cannot be started", spec->path);
    }
    ssize_t n;
    do
        n = read(report[0], &code, sizeof(code));
    while (n < 0 && errno == EINTR);
    close(report[0]);
    if (n == (ssize_t)sizeof(code)) {
        waitpid(pid, NULL, 0);
        errno = code;
        return err_errno(err, "%s cannot be started", spec->path);
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) { /* it could be neither waited for nor ended */
        err_errno(err, "%s cannot be watched", spec->path);
        (void)kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return -1;
    }
    *child = (struct child){pid, pidfd};
    return 0;
}

int child_wait(struct child *child, int64_t deadline_ms, int *status, struct err *err)
{
    int64_t until = clock_mono_ms() + deadline_ms;
    bool killed = false;

    for (;;) {
        pid_t got = waitpid(child->pid, status, WNOHANG);
        if (got == child->pid)
            break;
        if (got < 0 && errno != EINTR)
            return err_errno(err, "A child process cannot be waited for");
        int64_t left = until - clock_mono_ms();
        if (left <= 0 && !killed) {
            child_kill(child, SIGKILL);
            killed = true;
        }
        struct pollfd p = {.fd = child->pidfd, .events = POLLIN};
        (void)poll(&p, 1, killed ? 1000 : (int)(left > 60000 ? 60000 : left));
    }
    return killed ? err_set(err, ERR_TIMEOUT, "child_slow",
                            "The program did not end in time and was ended.")
                  : 0;
}

void child_kill(struct child *child, int signal_number)
{
    if (child->pidfd >= 0)
        (void)syscall(SYS_pidfd_send_signal, child->pidfd, signal_number, NULL, 0);
}

void child_close(struct child *child)
{
    if (child->pidfd >= 0)
        close(child->pidfd);
    child->pidfd = -1;
}
