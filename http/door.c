#include "http/door.h"

#include "http/linger.h"
#include "http/server_part.h"
#include "http/tls.h"
#include "http/watch.h"

#include "core/pool.h"

#include <errno.h>
#include <h2o/http1.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCEPT_AT_ONCE 16
#define TLS_HANDSHAKE 22 /* the first byte of a TLS connection, RFC 8446 5.1 */

static void door_end(struct door *door)
{
    if (door->listener != NULL || door->n_conns > 0)
        return;
    h2o_linklist_unlink(&door->link);
    free(door->instance);
    free(door);
}

static void on_conn_closed(void *arg)
{
    struct conn *conn = arg;
    struct door *door = conn->door;
    if (h2o_timeout_is_linked(&conn->handshake))
        h2o_timeout_unlink(&conn->handshake);
    if (h2o_linklist_is_linked(&conn->link))
        h2o_linklist_unlink(&conn->link);
    snapshot_drop(conn->tls);
    linger_begin(conn->linger);
    door->n_conns--;
    door->loop->n_conns--;
    if (door->kind == DOOR_PUBLIC)
        atomic_fetch_sub_explicit(&door->loop->server->n_conns, 1, memory_order_relaxed);
    free(conn);
    door_end(door);
}

void conn_cut(struct conn *conn)
{
    conn->cut = true;
    shutdown(h2o_socket_get_fd(conn->sock), SHUT_RDWR);
}

void conn_cut_idle(struct conn *conn)
{
    char c;

    if (recv(h2o_socket_get_fd(conn->sock), &c, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
        conn_cut(conn);
}

static void note_peer(struct conn *conn)
{
    struct sockaddr_storage sa;
    socklen_t len = h2o_socket_getpeername(conn->sock, (struct sockaddr *)&sa);
    size_t n = SIZE_MAX;
    if (conn->door->kind == DOOR_PUBLIC && len > 0)
        n = h2o_socket_getnumerichost((struct sockaddr *)&sa, len, conn->peer);
    if (n == SIZE_MAX) {
        memcpy(conn->peer, "local", 5);
        n = 5;
    }
    conn->peer_len = (unsigned)n;
    conn->uid = UINT_MAX;
    struct ucred cred;
    len = sizeof(cred);
    if (conn->door->kind == DOOR_ADMIN &&
        getsockopt(h2o_socket_get_fd(conn->sock), SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
        conn->uid = cred.uid;
}

static void start_http(struct conn *conn)
{
    h2o_timeout_unlink(&conn->handshake);
    h2o_linklist_unlink(&conn->link);
    conn->since = http_loop_now(conn->door->loop);
    h2o_http1_accept(&conn->door->accept, conn->sock,
                     *h2o_get_timestamp(&conn->door->loop->ctx, NULL, NULL));
}

static void on_handshake(h2o_socket_t *sock, const char *err)
{
    struct conn *conn = sock->data;
    snapshot_drop(conn->tls);
    conn->tls = NULL;
    if (err != NULL)
        h2o_socket_close(sock);
    else
        start_http(conn);
}

static void on_handshake_timeout(h2o_timeout_entry_t *entry)
{
    struct conn *conn = H2O_STRUCT_FROM_MEMBER(struct conn, handshake, entry);
    h2o_socket_close(conn->sock);
}

static void start_handshake(struct conn *conn)
{
    conn->tls = tls_take(conn->door->tls);
    h2o_socket_ssl_handshake(conn->sock, tls_ctx(conn->tls), NULL, on_handshake);
}

/* One port inside: npm comes by the public https address, storage in the plain. */
static void on_first_bytes(h2o_socket_t *sock, const char *err)
{
    struct conn *conn = sock->data;
    h2o_socket_read_stop(sock);
    if (err != NULL || sock->input->size == 0)
        h2o_socket_close(sock);
    else if ((unsigned char)sock->input->bytes[0] == TLS_HANDSHAKE)
        start_handshake(conn);
    else
        start_http(conn);
}

static void start_tls(struct conn *conn)
{
    struct http_loop *loop = conn->door->loop;
    conn->sock->data = conn;
    conn->handshake.cb = on_handshake_timeout;
    h2o_timeout_link(loop->ctx.loop, &loop->ctx.handshake_timeout, &conn->handshake);
    h2o_linklist_insert(&loop->handshakes, &conn->link);
    if (conn->door->kind == DOOR_CARRIER)
        h2o_socket_read_start(conn->sock, on_first_bytes);
    else
        start_handshake(conn);
}

static void conn_new(struct door *door, h2o_socket_t *sock)
{
    struct http_loop *loop = door->loop;
    struct conn *conn = xcalloc(1, sizeof(*conn));
    conn->door = door;
    conn->sock = sock;
    conn->since = http_loop_now(loop);
    sock->on_close.cb = on_conn_closed;
    sock->on_close.data = conn;
    door->n_conns++;
    loop->n_conns++;
    if (door->kind == DOOR_PUBLIC)
        atomic_fetch_add_explicit(&loop->server->n_conns, 1, memory_order_relaxed);
    note_peer(conn);
    watch_start(loop);
    if (door->tls != NULL)
        start_tls(conn);
    else
        h2o_http1_accept(&door->accept, sock, *h2o_get_timestamp(&loop->ctx, NULL, NULL));
}

static void on_accept(h2o_socket_t *listener, const char *err);

static void on_pause_over(h2o_timeout_entry_t *entry)
{
    struct door *door = H2O_STRUCT_FROM_MEMBER(struct door, pause, entry);
    h2o_socket_read_start(door->listener, on_accept);
}

/* A listener that is readable and cannot be served would keep the loop spinning. */
static void pause_listening(struct door *door)
{
    h2o_socket_read_stop(door->listener);
    h2o_timeout_link(door->loop->ctx.loop, &door->loop->ctx.hundred_ms_timeout, &door->pause);
}

static bool is_full(const struct door *door)
{
    const struct http_server *server = door->loop->server;
    return door->kind == DOOR_PUBLIC &&
           atomic_load_explicit(&server->n_conns, memory_order_relaxed) >=
               server->config.max_connections;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    struct door *door = listener->data;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        if (is_full(door)) {
            pause_listening(door);
            return;
        }
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (sock == NULL) {
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
                pause_listening(door);
            return;
        }
        conn_new(door, sock);
    }
}

struct door *door_open(struct http_loop *loop, enum door_kind kind, int fd, const char *instance)
{
    struct door *door = xcalloc(1, sizeof(*door));
    door->hosts[0] = loop->server->host;
    door->accept.ctx = &loop->ctx;
    door->accept.hosts = door->hosts;
    door->loop = loop;
    door->kind = kind;
    door->tls = kind == DOOR_PUBLIC    ? loop->server->tls
                : kind == DOOR_CARRIER ? loop->server->carrier_tls
                                       : NULL;
    door->instance = instance != NULL ? xstrdup(instance) : NULL;
    door->pause.cb = on_pause_over;
    h2o_linklist_insert(&loop->doors, &door->link);
    door->listener = h2o_evloop_socket_create(loop->ctx.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    door->listener->data = door;
    h2o_socket_read_start(door->listener, on_accept);
    return door;
}

void door_close(struct door *door)
{
    if (door->listener == NULL)
        return;
    if (h2o_timeout_is_linked(&door->pause))
        h2o_timeout_unlink(&door->pause);
    h2o_socket_read_stop(door->listener);
    h2o_socket_close(door->listener);
    door->listener = NULL;
    door_end(door);
}
