#include "http/client.h"

#include "http/exchange.h"

#include "core/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static h2o_socket_t *socket_of(const struct exchange *x)
{
    return x->req->conn->callbacks->get_socket(x->req->conn);
}

static void on_readable(h2o_socket_t *sock, const char *err)
{
    /* what libh2o keeps there begins with the public part of a connection */
    const h2o_conn_t *conn = sock->data;
    struct http_loop *loop = H2O_STRUCT_FROM_MEMBER(struct http_loop, ctx, conn->ctx);
    int fd = h2o_socket_get_fd(sock);
    char c;
    ssize_t n = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    /* more bytes are for libh2o, after this request; nothing here needs to hear of them again */
    h2o_socket_read_stop(sock);
    if (n <= 0)
        exchange_abandon(loop->proxy->clients.by_fd[fd]);
}

static void grow(struct client_table *clients, size_t fd)
{
    size_t n = clients->n > 0 ? clients->n : 256;

    while (n <= fd)
        n *= 2;
    clients->by_fd = xrealloc(clients->by_fd, n * sizeof(*clients->by_fd));
    memset(clients->by_fd + clients->n, 0, (n - clients->n) * sizeof(*clients->by_fd));
    clients->n = n;
}

void client_watch(struct exchange *x)
{
    struct client_table *clients = &x->proxy->clients;
    h2o_socket_t *sock = socket_of(x);
    size_t fd = (size_t)h2o_socket_get_fd(sock);

    if (x->req->version >= 0x200)
        return;
    if (fd >= clients->n)
        grow(clients, fd);
    clients->by_fd[fd] = x;
    h2o_socket_dont_read(sock, 1);
    h2o_socket_read_start(sock, on_readable);
}

void client_unwatch(struct exchange *x)
{
    struct client_table *clients = &x->proxy->clients;
    h2o_socket_t *sock = socket_of(x);
    size_t fd = (size_t)h2o_socket_get_fd(sock);

    if (x->req->version >= 0x200 || clients->by_fd[fd] != x)
        return;
    clients->by_fd[fd] = NULL;
    h2o_socket_dont_read(sock, 0);
}
