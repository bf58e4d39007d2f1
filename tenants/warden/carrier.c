#include "tenants/warden/carrier.h"

#include "core/err.h"
#include "core/loop.h"
#include "core/pool.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS 256
#define PART 32768

struct connection;

/* One direction's reader: what it read and the other side did not take yet waits in `rest`. */
struct side {
    struct connection *connection;
    struct side *other;
    struct loop_watch watch;
    char *rest; /* to be written to this side */
    size_t rest_at, rest_len;
    bool eof;  /* it will send no more */
    bool shut; /* we will send it no more */
};

struct connection {
    struct carrier *carrier;
    struct side inside, server;
    struct connection *next, **link;
};

struct listener {
    struct carrier *carrier;
    struct loop_watch watch;
};

struct carrier {
    struct loop *loop;
    struct listener listeners[2];
    struct connection *connections;
    unsigned n;
    bool paused;
};

static int listen_on(int family, const void *address, socklen_t len)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0)
        return -1;
    if ((family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
        bind(fd, address, len) != 0 || listen(fd, CONNECTIONS) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

struct carrier *carrier_open(int port, struct err *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct carrier *c = xcalloc(1, sizeof(*c));

    c->listeners[0].watch.fd = listen_on(AF_INET, &v4, sizeof(v4));
    c->listeners[1].watch.fd = -1;
    if (c->listeners[0].watch.fd < 0) {
        err_errno(err, "cannot listen at the public address inside the sandbox (port %d)", port);
        free(c);
        return NULL;
    }
    /* A kernel without IPv6 has no ::1 to listen at either. */
    c->listeners[1].watch.fd = listen_on(AF_INET6, &v6, sizeof(v6));
    return c;
}

static void watch_listeners(struct carrier *c)
{
    for (int i = 0; i < 2; i++)
        if (c->listeners[i].watch.fd >= 0)
            (void)loop_watch_set(c->loop, &c->listeners[i].watch, EPOLLIN, NULL);
}

static void unwatch_listeners(struct carrier *c)
{
    for (int i = 0; i < 2; i++)
        if (c->listeners[i].watch.fd >= 0)
            loop_watch_clear(c->loop, &c->listeners[i].watch);
}

static void end_side(struct carrier *c, struct side *s)
{
    loop_watch_clear(c->loop, &s->watch);
    close(s->watch.fd);
    free(s->rest);
    s->rest = NULL;
}

static void end(struct connection *x)
{
    struct carrier *c = x->carrier;

    end_side(c, &x->inside);
    end_side(c, &x->server);
    *x->link = x->next;
    if (x->next != NULL)
        x->next->link = x->link;
    c->n--;
    if (c->paused) {
        c->paused = false;
        watch_listeners(c);
    }
    loop_post(c->loop, free, x);
}

/* A side is read while the other has taken all; it is written while something waits for it. One
 * that is neither is not watched at all: a hang-up would be reported over and over. */
static bool update(struct side *s)
{
    struct loop *loop = s->connection->carrier->loop;
    uint32_t events = 0;

    if (!s->eof && s->other->rest_len == 0)
        events |= EPOLLIN;
    if (s->rest_len > 0)
        events |= EPOLLOUT;
    if (events != 0)
        return loop_watch_set(loop, &s->watch, events, NULL) == 0;
    loop_watch_clear(loop, &s->watch);
    return true;
}

static void shut_when_drained(struct side *s)
{
    if (s->other->eof && s->rest_len == 0 && !s->shut) {
        s->shut = true;
        shutdown(s->watch.fd, SHUT_WR);
    }
}

static bool flush(struct side *s)
{
    while (s->rest_len > 0) {
        ssize_t n = send(s->watch.fd, s->rest + s->rest_at, s->rest_len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        s->rest_at += (size_t)n;
        s->rest_len -= (size_t)n;
    }
    free(s->rest);
    s->rest = NULL;
    return true;
}

static bool pump(struct side *from)
{
    static char part[PART];
    struct side *to = from->other;
    ssize_t n = recv(from->watch.fd, part, sizeof(part), 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0) {
        from->eof = true;
        return true;
    }
    ssize_t done = send(to->watch.fd, part, (size_t)n, MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    done = done < 0 ? 0 : done;
    if (done < n) {
        to->rest = xmalloc((size_t)(n - done));
        memcpy(to->rest, part + done, (size_t)(n - done));
        to->rest_at = 0;
        to->rest_len = (size_t)(n - done);
    }
    return true;
}

static void on_side(void *arg, uint32_t events)
{
    struct side *s = arg;
    bool ok = (events & EPOLLERR) == 0;

    if (ok && (events & EPOLLOUT) != 0)
        ok = flush(s);
    if (ok && (events & (EPOLLIN | EPOLLHUP)) != 0 && !s->eof && s->other->rest_len == 0)
        ok = pump(s);
    if (ok) {
        shut_when_drained(s);
        shut_when_drained(s->other);
    }
    if (!ok || (s->shut && s->other->shut) || !update(s) || !update(s->other))
        end(s->connection);
}

static int connect_server(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "server.sock"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void begin(struct carrier *c, int client)
{
    int server = connect_server();

    if (server < 0) {
        close(client);
        return;
    }
    int one = 1;
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct connection *x = xcalloc(1, sizeof(*x));
    x->carrier = c;
    x->inside = (struct side){.connection = x, .other = &x->server};
    x->inside.watch = (struct loop_watch){.fn = on_side, .arg = &x->inside, .fd = client};
    x->server = (struct side){.connection = x, .other = &x->inside};
    x->server.watch = (struct loop_watch){.fn = on_side, .arg = &x->server, .fd = server};
    x->next = c->connections;
    x->link = &c->connections;
    if (x->next != NULL)
        x->next->link = &x->next;
    c->connections = x;
    c->n++;
    if (!update(&x->inside) || !update(&x->server))
        end(x);
}

static void on_accept(void *arg, uint32_t events)
{
    struct listener *l = arg;
    int fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    begin(l->carrier, fd);
    if (l->carrier->n >= CONNECTIONS) {
        l->carrier->paused = true;
        unwatch_listeners(l->carrier);
    }
}

int carrier_start(struct carrier *carrier, struct loop *loop, struct err *err)
{
    carrier->loop = loop;
    for (int i = 0; i < 2; i++) {
        struct listener *l = &carrier->listeners[i];
        l->carrier = carrier;
        l->watch.fn = on_accept;
        l->watch.arg = l;
        if (l->watch.fd >= 0 && loop_watch_set(loop, &l->watch, EPOLLIN, err) != 0)
            return -1;
    }
    return 0;
}

void carrier_close(struct carrier *carrier)
{
    if (carrier == NULL)
        return;
    if (carrier->loop != NULL)
        unwatch_listeners(carrier);
    carrier->paused = false;
    for (int i = 0; i < 2; i++)
        if (carrier->listeners[i].watch.fd >= 0)
            close(carrier->listeners[i].watch.fd);
    while (carrier->connections != NULL)
        end(carrier->connections);
    free(carrier);
}
