#include "tenants/sandbox/sandbox.h"

#include "core/err.h"
#include "tenants/sandbox/cgroup.h"
#include "tenants/sandbox/init.h"
#include "tenants/sandbox/rootfs.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUILD_MS 10000

static pid_t clone_into(const struct cgroup *cg, int *pidfd)
{
    struct clone_args args = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
    };
    int fd = cgroup_clone_fd(cg);

    if (fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)fd;
    }
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static bool receive(int control, struct sandbox_report *report, int flags)
{
    ssize_t n = recv(control, report, sizeof(*report), flags);

    if (n != (ssize_t)sizeof(*report))
        return false;
    report->text[sizeof(report->text) - 1] = '\0';
    return true;
}

/* The next step of the building, or the sandbox's own words for why there is none. */
static int await_report(const struct sandbox *s, enum sandbox_report_kind kind,
                        struct sandbox_report *report, struct err *err)
{
    struct pollfd p = {.fd = s->control, .events = POLLIN};
    int n;

    do
        n = poll(&p, 1, BUILD_MS);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return err_set(err, ERR_TIMEOUT, "sandbox", "the sandbox was not built within 10 seconds");
    if (n < 0 || !receive(s->control, report, 0))
        return err_set(err, ERR_INTERNAL, "sandbox", "the sandbox ended while it was built");
    if (report->kind == SANDBOX_FAILED)
        return err_set(err, ERR_INTERNAL, "sandbox", "%s", report->text);
    if (report->kind != (uint32_t)kind)
        return err_set(err, ERR_INTERNAL, "sandbox", "the sandbox ended at once");
    return 0;
}

static void say_go(const struct sandbox *s)
{
    (void)!send(s->control, "G", 1, MSG_NOSIGNAL);
}

static int bring_up(struct sandbox *s, const struct sandbox_spec *spec, struct err *err)
{
    struct sandbox_report report;

    if (cgroup_join(spec->cgroup, s->pid, err) != 0)
        return -1;
    say_go(s);
    if (await_report(s, SANDBOX_BUILT, &report, err) != 0)
        return -1;
    s->landlock = report.code == 1;
    say_go(s);
    return await_report(s, SANDBOX_RUNNING, &report, err);
}

static int start(struct sandbox *s, const struct sandbox_spec *spec, const int *trees,
                 struct err *err)
{
    int pair[2], pidfd = -1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_errno(err, "cannot make the sandbox's control socket");
    pid_t pid = clone_into(spec->cgroup, &pidfd);
    if (pid == 0) {
        close(pair[0]);
        init_run(spec, trees, pair[1]);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return err_errno(err, "cannot make the sandbox's namespaces");
    }
    *s = (struct sandbox){.pid = pid, .pidfd = pidfd, .control = pair[0]};
    if (bring_up(s, spec, err) == 0)
        return 0;
    int status;
    sandbox_kill(s);
    sandbox_reap(s, &status);
    return -1;
}

int sandbox_start(struct sandbox *s, const struct sandbox_spec *spec, struct err *err)
{
    int trees[SANDBOX_MOUNTS];

    if (rootfs_clone(spec, trees, err) != 0)
        return -1;
    int rc = start(s, spec, trees, err);
    for (unsigned i = 0; i < spec->n_mounts; i++)
        close(trees[i]);
    return rc;
}

bool sandbox_read(const struct sandbox *s, struct sandbox_report *report)
{
    return receive(s->control, report, MSG_DONTWAIT);
}

void sandbox_terminate(const struct sandbox *s)
{
    (void)!send(s->control, "T", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void sandbox_kill(const struct sandbox *s)
{
    syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
}

void sandbox_reap(struct sandbox *s, int *status)
{
    pid_t pid;

    do
        pid = waitpid(s->pid, status, 0);
    while (pid < 0 && errno == EINTR);
    if (pid < 0)
        *status = 0;
    close(s->pidfd);
    close(s->control);
    s->pidfd = s->control = -1;
}
