#include "http/linger.h"

#include "http/door.h"

#include "core/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST 64 /* a loop */
#define SECONDS 2
#define READS 64 /* of 16 KiB, each time */

struct lingering {
    struct http_loop *loop;
    h2o_socket_t *sock;
    h2o_timeout_entry_t tick;
    unsigned ticks;
};

static void end(struct lingering *linger)
{
    if (h2o_timeout_is_linked(&linger->tick))
        h2o_timeout_unlink(&linger->tick);
    h2o_socket_close(linger->sock);
    linger->loop->n_lingering--;
    free(linger);
}

static void on_read(h2o_socket_t *sock, const char *err)
{
    char waste[16384];
    struct lingering *linger = sock->data;
    for (int i = 0; i < READS; i++) {
        ssize_t n = read(h2o_socket_get_fd(sock), waste, sizeof(waste));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            end(linger);
            return;
        }
    }
}

static void on_tick(h2o_timeout_entry_t *entry)
{
    struct lingering *linger = H2O_STRUCT_FROM_MEMBER(struct lingering, tick, entry);
    if (++linger->ticks >= SECONDS)
        end(linger);
    else
        h2o_timeout_link(linger->loop->ctx.loop, &linger->loop->ctx.one_sec_timeout, &linger->tick);
}

struct lingering *linger_new(struct conn *conn)
{
    struct http_loop *loop = conn->door->loop;
    int fd =
        loop->n_lingering < MOST ? fcntl(h2o_socket_get_fd(conn->sock), F_DUPFD_CLOEXEC, 3) : -1;
    if (fd < 0)
        return NULL;
    struct lingering *linger = xcalloc(1, sizeof(*linger));
    linger->loop = loop;
    linger->tick.cb = on_tick;
    linger->sock = h2o_evloop_socket_create(loop->ctx.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    linger->sock->data = linger;
    loop->n_lingering++;
    return linger;
}

void linger_begin(struct lingering *linger)
{
    if (linger == NULL)
        return;
    shutdown(h2o_socket_get_fd(linger->sock), SHUT_WR);
    h2o_timeout_link(linger->loop->ctx.loop, &linger->loop->ctx.one_sec_timeout, &linger->tick);
    h2o_socket_read_start(linger->sock, on_read);
}
