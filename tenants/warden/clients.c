#include "tenants/warden/clients.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/loop.h"
#include "core/pool.h"
#include "tenants/warden/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 8
#define LINE_MAX_BYTES 65536
#define BACKLOG_BYTES 262144
#define STUCK_MS 10000

struct client {
    struct clients *set;
    struct loop_watch watch;
    struct loop_timer stuck; /* armed while something waits to be taken */
    struct lines lines;
    struct buf out;
    struct client *next, **link;
    bool gone;
};

struct clients {
    struct clients_config config;
    struct loop_watch listener;
    struct client *first;
    struct client *asking;
    unsigned n;
};

static void free_client(void *arg)
{
    struct client *c = arg;

    buf_release(&c->out);
    free(c->lines.buf);
    free(c);
}

static void drop(struct client *c)
{
    struct loop *loop = c->set->config.loop;

    if (c->gone)
        return;
    c->gone = true;
    loop_watch_clear(loop, &c->watch);
    loop_timer_clear(loop, &c->stuck);
    close(c->watch.fd);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    c->set->n--;
    loop_post(loop, free_client, c);
}

static void flush(struct client *c)
{
    struct loop *loop = c->set->config.loop;

    while (c->out.len > 0) {
        ssize_t n = send(c->watch.fd, c->out.base, c->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            drop(c);
            return;
        }
        if (n < 0)
            break;
        buf_consume(&c->out, (size_t)n);
        loop_timer_clear(loop, &c->stuck);
    }
    if (c->out.len > 0 && !c->stuck.armed)
        loop_timer_set(loop, &c->stuck, STUCK_MS);
    if (loop_watch_set(loop, &c->watch, c->out.len > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN, NULL) != 0)
        drop(c);
}

static void say(struct client *c, struct text line)
{
    if (c->gone)
        return;
    buf_text(&c->out, line);
    buf_char(&c->out, '\n');
    if (buf_failed(&c->out))
        drop(c);
    else
        flush(c);
}

static void on_stuck(void *arg)
{
    drop(arg);
}

static void on_line(void *arg, struct text line)
{
    struct client *c = arg;

    if (!c->gone)
        c->set->config.line(c->set->config.arg, line);
}

static void on_client(void *arg, uint32_t events)
{
    static char part[4096];
    struct client *c = arg;

    if ((events & EPOLLOUT) != 0)
        flush(c);
    if (c->gone || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return;
    ssize_t n = recv(c->watch.fd, part, sizeof(part), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(c);
        return;
    }
    c->set->asking = c;
    lines_feed(&c->lines, part, (size_t)n, on_line, c);
    c->set->asking = NULL;
}

static bool may_connect(const struct clients *set, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == set->config.server_uid);
}

static void on_accept(void *arg, uint32_t events)
{
    struct clients *set = arg;
    int fd = accept4(set->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    if (set->n >= CLIENTS || !may_connect(set, fd)) {
        close(fd);
        return;
    }
    struct client *c = xcalloc(1, sizeof(*c));
    c->set = set;
    c->watch = (struct loop_watch){.fn = on_client, .arg = c, .fd = fd};
    c->stuck = (struct loop_timer){.fn = on_stuck, .arg = c};
    c->lines =
        (struct lines){.buf = xmalloc(LINE_MAX_BYTES), .max = LINE_MAX_BYTES, .excess = LINES_DROP};
    buf_init(&c->out, BACKLOG_BYTES);
    c->next = set->first;
    c->link = &set->first;
    if (c->next != NULL)
        c->next->link = &c->next;
    set->first = c;
    set->n++;
    say(c, set->config.hello(set->config.arg));
}

struct clients *clients_open(const struct clients_config *config, struct err *err)
{
    struct clients *set = xcalloc(1, sizeof(*set));

    set->config = *config;
    set->listener = (struct loop_watch){.fn = on_accept, .arg = set, .fd = config->listener};
    if (loop_watch_set(config->loop, &set->listener, EPOLLIN, err) == 0)
        return set;
    free(set);
    return NULL;
}

void clients_say(struct clients *clients, struct text line)
{
    struct client *next;

    for (struct client *c = clients->first; c != NULL; c = next) {
        next = c->next;
        say(c, line);
    }
}

void clients_answer(struct clients *clients, struct text line)
{
    if (clients->asking != NULL)
        say(clients->asking, line);
}

bool clients_drained(const struct clients *clients)
{
    for (const struct client *c = clients->first; c != NULL; c = c->next)
        if (c->out.len > 0)
            return false;
    return true;
}

void clients_close(struct clients *clients)
{
    if (clients == NULL)
        return;
    loop_watch_clear(clients->config.loop, &clients->listener);
    close(clients->listener.fd);
    while (clients->first != NULL)
        drop(clients->first);
    free(clients);
}
