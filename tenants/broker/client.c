#include "tenants/broker/client.h"

#include "core/err.h"
#include "core/loop.h"
#include "core/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* One request: queued, then on its way, then replied to. */
struct pending {
    struct broker_request request;
    int fds[2];
    bool sent;
    broker_reply_fn *fn;
    void *arg;
    struct pending *next;
};

struct broker_client {
    struct loop *loop;
    struct loop_watch watch;
    struct loop_timer fail; /* tells of requests made after the broker had gone */
    struct pending *first, **last;
    uint32_t serial;
    bool gone;
    void (*on_gone)(void *);
    void *gone_arg;
};

static void close_fds(struct pending *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->fds[i] >= 0)
            close(p->fds[i]);
        p->fds[i] = -1;
    }
}

/* Out of the list before its callback, which may send the next. */
static void settle(struct broker_client *c, struct pending **link, const struct broker_reply *reply)
{
    struct pending *p = *link;

    *link = p->next;
    if (c->last == &p->next)
        c->last = link;
    close_fds(p);
    if (p->fn != NULL)
        p->fn(p->arg, reply);
    free(p);
}

static void fail_all(void *arg)
{
    struct broker_client *c = arg;
    struct broker_reply reply = {.version = BROKER_VERSION, .status = -1};

    snprintf(reply.code, sizeof(reply.code), "broker_gone");
    snprintf(reply.text, sizeof(reply.text), "The privileged helper of the server has ended.");
    while (c->first != NULL) {
        reply.serial = c->first->request.serial;
        settle(c, &c->first, &reply);
    }
}

static void lose(struct broker_client *c)
{
    if (c->gone)
        return;
    c->gone = true;
    loop_watch_clear(c->loop, &c->watch);
    loop_timer_set(c->loop, &c->fail, 0);
    if (c->on_gone != NULL)
        c->on_gone(c->gone_arg);
}

static ssize_t transmit(struct broker_client *c, struct pending *p)
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {&p->request, sizeof(p->request)};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    unsigned n = p->fds[0] < 0 ? 0 : p->fds[1] < 0 ? 1 : 2;

    if (n > 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(head), p->fds, n * sizeof(int));
    }
    return sendmsg(c->watch.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void flush(struct broker_client *c)
{
    bool waiting = false;

    for (struct pending *p = c->first; p != NULL && !c->gone; p = p->next) {
        if (p->sent)
            continue;
        ssize_t n = transmit(c, p);
        if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)) {
            waiting = true;
            break;
        }
        if (n < 0) {
            lose(c);
            return;
        }
        p->sent = true;
        close_fds(p);
    }
    if (!c->gone &&
        loop_watch_set(c->loop, &c->watch, waiting ? EPOLLIN | EPOLLOUT : EPOLLIN, NULL) != 0)
        lose(c);
}

static void receive(struct broker_client *c)
{
    struct broker_reply reply;
    ssize_t n = recv(c->watch.fd, &reply, sizeof(reply), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n != (ssize_t)sizeof(reply) || reply.version != BROKER_VERSION) {
        lose(c);
        return;
    }
    reply.code[sizeof(reply.code) - 1] = reply.text[sizeof(reply.text) - 1] = '\0';
    for (struct pending **link = &c->first; *link != NULL; link = &(*link)->next) {
        if ((*link)->sent && (*link)->request.serial == reply.serial) {
            settle(c, link, &reply);
            return;
        }
    }
}

static void on_socket(void *arg, uint32_t events)
{
    struct broker_client *c = arg;

    if ((events & EPOLLOUT) != 0)
        flush(c);
    if (!c->gone && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        receive(c);
}

struct broker_client *broker_client_open(int fd, struct loop *loop, struct err *err)
{
    struct broker_client *c = xcalloc(1, sizeof(*c));

    c->loop = loop;
    c->last = &c->first;
    c->watch = (struct loop_watch){.fn = on_socket, .arg = c, .fd = fd};
    c->fail = (struct loop_timer){.fn = fail_all, .arg = c};
    if (loop_watch_set(loop, &c->watch, EPOLLIN, err) == 0)
        return c;
    free(c);
    return NULL;
}

static struct pending *new_pending(const struct broker_request *request, const int *fds, unsigned n)
{
    struct pending *p = xcalloc(1, sizeof(*p));

    p->request = *request;
    p->request.version = BROKER_VERSION;
    for (unsigned i = 0; i < 2; i++)
        p->fds[i] = i < n ? fcntl(fds[i], F_DUPFD_CLOEXEC, 3) : -1;
    return p;
}

static void enqueue(struct broker_client *c, struct pending *p)
{
    p->request.serial = ++c->serial;
    *c->last = p;
    c->last = &p->next;
    if (c->gone)
        loop_timer_set(c->loop, &c->fail, 0);
    else
        flush(c);
}

void broker_client_send(struct broker_client *c, const struct broker_request *request,
                        const int *fds, unsigned n, broker_reply_fn *fn, void *arg)
{
    struct pending *p = new_pending(request, fds, n);

    p->fn = fn;
    p->arg = arg;
    enqueue(c, p);
}

/* A caller on another thread, asleep until its reply. */
struct waiter {
    struct broker_client *client;
    struct pending *pending;
    struct broker_reply *reply;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool done;
};

static void on_waited(void *arg, const struct broker_reply *reply)
{
    struct waiter *w = arg;

    pthread_mutex_lock(&w->lock);
    *w->reply = *reply;
    w->done = true;
    pthread_cond_signal(&w->woken);
    pthread_mutex_unlock(&w->lock);
}

static void enqueue_for(void *arg)
{
    struct waiter *w = arg;

    enqueue(w->client, w->pending);
}

/* Codes must be static text; these are the ones that callers tell apart. */
static const char *static_code(const char *code)
{
    static const char *const known[] = {
        "already_running", "not_prepared",  "no_stack",    "bad_stack",  "bad_folder",
        "bad_document",    "bad_request",   "bad_input",   "bad_tree",   "job_exists",
        "job_runs",        "job_timeout",   "job_size",    "job_memory", "no_source",
        "stack_exists",    "too_many_jobs", "no_uids",     "no_folder",  "no_cgroup",
        "sandbox",         "helper_lost",   "broker_gone",
    };

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(code, known[i]) == 0)
            return known[i];
    return "internal";
}

int broker_client_call(struct broker_client *c, const struct broker_request *request,
                       const int *fds, unsigned n, struct broker_reply *reply, struct err *err)
{
    struct waiter w = {.client = c, .reply = reply, .pending = new_pending(request, fds, n)};

    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.woken, NULL);
    w.pending->fn = on_waited;
    w.pending->arg = &w;
    loop_post(c->loop, enqueue_for, &w);
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.woken, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_mutex_destroy(&w.lock);
    pthread_cond_destroy(&w.woken);
    if (reply->status == 0)
        return 0;
    return err_set(err, ERR_INTERNAL, static_code(reply->code), "%s", reply->text);
}

void broker_client_on_gone(struct broker_client *c, void (*fn)(void *), void *arg)
{
    c->on_gone = fn;
    c->gone_arg = arg;
}

void broker_client_close(struct broker_client *c)
{
    if (c == NULL)
        return;
    loop_watch_clear(c->loop, &c->watch);
    loop_timer_clear(c->loop, &c->fail);
    close(c->watch.fd);
    c->gone = true;
    fail_all(c);
    free(c);
}
