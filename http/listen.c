#include "http/listen.h"

#include "core/err.h"
#include "core/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

int listen_port(const struct listen_address *address)
{
    const void *sa = &address->sa;

    return address->sa.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)sa)->sin6_port)
                                             : ntohs(((const struct sockaddr_in *)sa)->sin_port);
}

static bool parse_v4(struct text host, int64_t port, struct listen_address *out)
{
    struct sockaddr_in *sa = (struct sockaddr_in *)&out->sa;
    char name[64];

    snprintf(name, sizeof(name), "%.*s",
             TEXT_ARG(text_is(host, "localhost") ? TEXT("127.0.0.1") : host));
    sa->sin_family = AF_INET;
    sa->sin_port = htons((uint16_t)port);
    sa->sin_addr.s_addr = htonl(INADDR_ANY);
    out->len = sizeof(*sa);
    return host.len == 0 || inet_pton(AF_INET, name, &sa->sin_addr) == 1;
}

static bool parse_v6(struct text host, int64_t port, struct listen_address *out)
{
    struct sockaddr_in6 *sa = (struct sockaddr_in6 *)&out->sa;
    char name[64];

    snprintf(name, sizeof(name), "%.*s", TEXT_ARG(host));
    sa->sin6_family = AF_INET6;
    sa->sin6_port = htons((uint16_t)port);
    out->len = sizeof(*sa);
    return inet_pton(AF_INET6, name, &sa->sin6_addr) == 1;
}

int listen_parse(struct text address, struct listen_address *out, struct err *err)
{
    size_t colon = SIZE_MAX;
    int64_t port = 0;
    bool ok;

    memset(out, 0, sizeof(*out));
    for (size_t at = 0; (at = text_find(address, ':', at)) != SIZE_MAX; at++)
        colon = at;
    ok = colon != SIZE_MAX &&
         text_number(text_sub(address, colon + 1, address.len), 0, 65535, &port);
    if (ok) {
        struct text host = text_sub(address, 0, colon);
        bool v6 = text_starts(host, "[") && text_ends(host, "]");
        ok = v6 ? parse_v6(text_sub(host, 1, host.len - 2), port, out) : parse_v4(host, port, out);
    }
    return ok ? 0
              : err_set(err, ERR_INVALID, "bad_listen", "\"%.*s\" is not ADDRESS:PORT.",
                        TEXT_ARG(address));
}

/* Whether somebody else listens there: with SO_REUSEPORT a bind beside our own other process would
 * succeed. */
static int check_free(const struct listen_address *address, struct err *err)
{
    auto_close int fd = socket(address->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address->sa, address->len) == 0 &&
        listen(fd, 1) == 0)
        return 0;
    if (errno == EADDRINUSE)
        return err_set(err, ERR_CONFLICT, "port_taken",
                       "Port %d is in use by another program; choose another with --listen.",
                       listen_port(address));
    if (errno == EADDRNOTAVAIL)
        return err_set(err, ERR_CONFLICT, "no_such_address",
                       "This machine does not have the address for port %d; choose another with "
                       "--listen.",
                       listen_port(address));
    return err_errno(err, "Port %d cannot be listened on", listen_port(address));
}

int listen_tcp(struct listen_address *address, struct err *err)
{
    static const int flags[] = {SO_REUSEADDR, SO_REUSEPORT};
    int one = 1, fd;

    if (listen_port(address) != 0 && check_free(address, err) != 0)
        return -1;
    fd = socket(address->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, "A socket cannot be made");
    for (int i = 0; i < 2; i++)
        setsockopt(fd, SOL_SOCKET, flags[i], &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    socklen_t len = sizeof(address->sa);
    if (bind(fd, (const struct sockaddr *)&address->sa, address->len) != 0 ||
        listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&address->sa, &len) != 0) {
        err_errno(err, "Port %d cannot be listened on", listen_port(address));
        close(fd);
        return -1;
    }
    return fd;
}

int listen_unix(const char *path, struct err *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(sa.sun_path))
        return err_set(err, ERR_INVALID, "path_too_long",
                       "The path of a Unix socket may have 107 bytes: %s has more; choose a "
                       "shorter data folder.",
                       path);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, "A socket cannot be made");
    (void)unlink(path);
    if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 || chmod(path, 0600) != 0 ||
        listen(fd, BACKLOG) != 0) {
        err_errno(err, "The socket %s cannot be made", path);
        close(fd);
        return -1;
    }
    return fd;
}
