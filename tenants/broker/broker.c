#include "tenants/broker/broker.h"

#include "core/err.h"
#include "core/log.h"
#include "core/pool.h"
#include "tenants/broker/check.h"
#include "tenants/broker/folders.h"
#include "tenants/broker/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_BYTES (1 << 20)

static void reply(struct broker *b, const struct broker_reply *r)
{
    /* Blocks only while the server leaves a megabyte of replies unread. */
    while (send(b->socket.fd, r, sizeof(*r), MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

void broker_reply_ok(struct broker *b, uint32_t serial, int exit_code)
{
    const struct broker_reply r = {
        .version = BROKER_VERSION, .serial = serial, .exit_code = exit_code};

    reply(b, &r);
}

void broker_reply_err(struct broker *b, uint32_t serial, const struct err *err)
{
    struct broker_reply r = {.version = BROKER_VERSION, .serial = serial, .status = -1};

    snprintf(r.code, sizeof(r.code), "%s", err->code != NULL ? err->code : "internal");
    snprintf(r.text, sizeof(r.text), "%s", err->text);
    reply(b, &r);
}

static void handle(struct broker *b, const struct asked *asked, size_t n)
{
    static void (*const verbs[])(struct broker *, const struct asked *) = {
        [BROKER_PREPARE] = instance_prepare,
        [BROKER_START] = instance_begin,
        [BROKER_REMOVE] = instance_end,
        [BROKER_KILL] = instance_end,
        [BROKER_JOB] = job_begin,
        [BROKER_JOB_KILL] = job_kill,
        [BROKER_JOB_CLEAN] = job_clean,
        [BROKER_STACK_COMMIT] = stack_commit,
        [BROKER_STACK_REMOVE] = stack_remove,
    };
    struct err err;

    if (check_request(&asked->request, n, &err) != 0)
        broker_reply_err(b, n >= sizeof(asked->request) ? asked->request.serial : 0, &err);
    else
        verbs[asked->request.verb](b, asked);
}

static void take_fds(struct msghdr *message, struct asked *asked)
{
    unsigned taken = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (taken < 2)
                asked->fds[taken++] = fd;
            else
                close(fd);
        }
    }
}

/* When the server is gone the broker goes, and with it the jobs it started; wardens of instances
 * stay. */
static void on_request(void *arg, uint32_t events)
{
    struct broker *b = arg;
    struct asked asked = {.fds = {-1, -1}};
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {&asked.request, sizeof(asked.request)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};

    (void)events;
    ssize_t n = recvmsg(b->socket.fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        loop_stop(b->loop);
        return;
    }
    take_fds(&message, &asked);
    handle(b, &asked, (message.msg_flags & MSG_TRUNC) != 0 ? 0 : (size_t)n);
    for (int i = 0; i < 2; i++)
        if (asked.fds[i] >= 0)
            close(asked.fds[i]);
}

/* Uids of folders that data/uids lost must not go to others. */
static void skip_used_uids(struct broker *b)
{
    int copy = openat(b->instances, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *e;
    struct stat st;

    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL)
        if (fstatat(b->instances, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_uid >= b->config->uid_base && st.st_uid < b->config->uid_base + UIDS_SPAN)
            uids_skip(&b->uids, st.st_uid);
    closedir(d);
}

/* Of root's rights those that building sandboxes takes. */
static void keep_needed_caps(void)
{
    static const int needed[] = {CAP_CHOWN,       CAP_DAC_OVERRIDE,     CAP_DAC_READ_SEARCH,
                                 CAP_FOWNER,      CAP_FSETID,           CAP_KILL,
                                 CAP_SETGID,      CAP_SETUID,           CAP_SETPCAP,
                                 CAP_NET_ADMIN,   CAP_NET_BIND_SERVICE, CAP_SYS_ADMIN,
                                 CAP_SYS_RESOURCE};

    for (int cap = 0; cap < 64; cap++) {
        bool keep = false;
        for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
            keep = keep || needed[i] == cap;
        if (!keep && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return;
    }
}

static _Noreturn void run(const struct broker_config *config, int fd, int ready)
{
    struct broker *b = xcalloc(1, sizeof(*b));
    struct err err = {.text = ""};

    b->config = config;
    b->loop = loop_new(&err);
    b->socket = (struct loop_watch){.fn = on_request, .arg = b, .fd = fd};
    bool ok = b->loop != NULL && folders_open(b, &err) == 0 &&
              loop_watch_set(b->loop, &b->socket, EPOLLIN, &err) == 0;
    (void)!write(ready, &err, ok ? 0 : sizeof(err));
    close(ready);
    if (!ok)
        _exit(1);
    skip_used_uids(b);
    keep_needed_caps();
    instance_adopt_all(b);
    loop_run(b->loop);
    _exit(0);
}

/* Keeps standard error, for what must be said when all else fails, and its two descriptors. */
static void leave_the_server(int fd, int ready)
{
    int low = fd < ready ? fd : ready, high = fd < ready ? ready : fd;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    umask(0022);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "redhouse-broker", 0, 0, 0);
    (void)!chdir("/");
    dup2(null, 0);
    dup2(null, 1);
    if (low > 3)
        close_range(3, (unsigned)low - 1, 0);
    if (high > low + 1)
        close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0U, 0);
}

/* The child says nothing when it is ready, and its failure when it is not. */
static int await_ready(int ready, struct err *err)
{
    struct err said;
    ssize_t n;

    do
        n = read(ready, &said, sizeof(said));
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;
    if (n != (ssize_t)sizeof(said))
        return err_set(err, ERR_INTERNAL, "broker", "the broker ended while it started");
    return err_set(err, said.kind, "broker", "%s", said.text);
}

int broker_fork(const struct broker_config *config, int *fd, pid_t *pid, struct err *err)
{
    int pair[2], ready[2], size = SOCKET_BYTES;

    if (geteuid() != 0)
        return err_set(err, ERR_FORBIDDEN, "not_root", "The broker can only be started by root.");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_errno(err, "cannot make the broker's socket");
    if (pipe2(ready, O_CLOEXEC) != 0) {
        close(pair[0]);
        close(pair[1]);
        return err_errno(err, "cannot make a pipe");
    }
    (void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    *pid = fork();
    if (*pid == 0) {
        leave_the_server(pair[1], ready[1]);
        run(config, pair[1], ready[1]);
    }
    close(pair[1]);
    close(ready[1]);
    int rc = *pid < 0 ? err_errno(err, "cannot start the broker") : await_ready(ready[0], err);
    close(ready[0]);
    if (rc == 0)
        *fd = pair[0];
    else
        close(pair[0]);
    return rc;
}
