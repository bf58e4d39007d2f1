/*
 * An HTTP server for the fetcher's tests: a thread for each connection, the path says how it
 * behaves. Connections are kept until the other side closes them.
 *
 *   /echo…      200 with the request, head and body, as it arrived
 *   /302/URL    that status with Location: URL, also 301, 303, 307
 *   /headers/N  200 with N headers   /long/N  with one of N bytes   /bytes/N  a body of N bytes
 *   /drip/N     a body of N bytes, one every 100 ms
 *   /stall      the head of an answer and a part of its body   /never  nothing at all
 */
#pragma once

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fetch.h"
#include "core/pool.h"

#define WAIT_MS 60000 /* for what must happen, on a machine however busy */

struct server {
    int listener;
    int port;
    pthread_t thread;
    atomic_uint requests, held, open;
};

static struct server server;
static struct pool *pool;
static struct fetcher *fetcher;

static inline void nap(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* False once the other side is gone. */
static inline bool say(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, bytes, n, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

static inline bool say_head(int fd, int status, const char *more, size_t length)
{
    auto_free char *head = xprintf("HTTP/1.1 %d Words\r\nX-Kind:  An Answer \r\n%sContent-Length: "
                                   "%zu\r\n\r\n",
                                   status, more, length);

    return say(fd, head, strlen(head));
}

/* Until the other side closes. */
static inline bool hold(int fd)
{
    char c;

    atomic_fetch_add(&server.held, 1);
    while (recv(fd, &c, 1, 0) > 0)
        ;
    return false;
}

static inline bool redirect(int fd, int status, const char *to)
{
    auto_free char *more = xprintf("Location: %s\r\n", to);

    return say_head(fd, status, more, 0);
}

static inline bool say_headers(int fd, unsigned n, size_t length)
{
    auto_free char *value = xcalloc(1, length + 1);
    memset(value, 'v', length);
    if (!say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", 36))
        return false;
    for (unsigned i = 0; i < n; i++) {
        auto_free char *line = xprintf("X-%u: %s\r\n", i, value);
        if (!say(fd, line, strlen(line)))
            return false;
    }
    return say(fd, "\r\n", 2);
}

static inline bool say_bytes(int fd, size_t n, int pause_ms)
{
    if (!say_head(fd, 200, "", n))
        return false;
    for (size_t done = 0, part; done < n; done += part) {
        char block[4096];
        memset(block, 'x', sizeof(block));
        part = pause_ms > 0 ? 1 : n - done < sizeof(block) ? n - done : sizeof(block);
        if (pause_ms > 0)
            nap(pause_ms);
        if (!say(fd, block, part))
            return false;
    }
    return true;
}

static inline bool answer(int fd, const char *request, size_t len)
{
    const char *path = strchr(request, ' ') + 1;
    char to[512] = "";
    unsigned n = 0, status = 0;

    atomic_fetch_add(&server.requests, 1);
    if (sscanf(path, "/headers/%u", &n) == 1)
        return say_headers(fd, n, 1);
    if (sscanf(path, "/long/%u", &n) == 1)
        return say_headers(fd, 1, n);
    if (sscanf(path, "/bytes/%u", &n) == 1)
        return say_bytes(fd, n, 0);
    if (sscanf(path, "/drip/%u", &n) == 1)
        return say_bytes(fd, n, 100);
    if (sscanf(path, "/%3u/%511s", &status, to) == 2)
        return redirect(fd, (int)status, to);
    if (strncmp(path, "/stall", 6) == 0)
        return say_head(fd, 200, "", 100) && say(fd, "part", 4) && hold(fd);
    if (strncmp(path, "/never", 6) == 0)
        return hold(fd);
    return say_head(fd, 200, "", strncmp(request, "HEAD", 4) == 0 ? 0 : len) &&
           (strncmp(request, "HEAD", 4) == 0 || say(fd, request, len));
}

static inline void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char request[16384];
    bool open = true;

    while (open) {
        size_t len = 0, body = 0;
        const char *end = NULL;
        for (;;) { /* a head, then as much body as it says */
            ssize_t n = recv(fd, request + len, sizeof(request) - 1 - len, 0);
            if (n <= 0) {
                open = false;
                break;
            }
            len += (size_t)n;
            request[len] = '\0';
            end = strstr(request, "\r\n\r\n");
            const char *length = strcasestr(request, "Content-Length:");
            body = length != NULL ? strtoul(length + 15, NULL, 10) : 0;
            if (end != NULL && len >= (size_t)(end + 4 - request) + body)
                break;
        }
        open = open && answer(fd, request, len);
    }
    close(fd);
    atomic_fetch_sub(&server.open, 1);
    return NULL;
}

static inline void *accept_all(void *arg)
{
    int fd;

    while ((fd = accept(server.listener, NULL, NULL)) >= 0) {
        pthread_t thread;
        atomic_fetch_add(&server.open, 1);
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0)
            abort();
        pthread_detach(thread);
    }
    return NULL;
}

static inline void server_start(int family, const struct sockaddr *address, socklen_t len)
{
    server.listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listener, address, len), 0);
    assert_int_equal(listen(server.listener, 64), 0);
    assert_int_equal(pthread_create(&server.thread, NULL, accept_all, NULL), 0);
}

static inline void server_stop(void)
{
    int64_t until = clock_mono_ms() + WAIT_MS;

    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    while (atomic_load(&server.open) > 0) {
        assert_true(clock_mono_ms() < until);
        nap(2);
    }
}

static inline void until_count(atomic_uint *count, unsigned n)
{
    int64_t until = clock_mono_ms() + WAIT_MS;

    while (atomic_load(count) < n) {
        if (clock_mono_ms() > until)
            fail_msg("%u of %u", atomic_load(count), n);
        nap(2);
    }
}

static inline void fetcher_start(const struct fetch_options *options)
{
    struct err err;

    fetcher = fetcher_new(options, &err);
    assert_non_null(fetcher);
}

static inline int set_up(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    alarm(100); /* what hangs ends */
    memset(&server, 0, sizeof(server));
    server_start(AF_INET, (const struct sockaddr *)&address, len);
    if (getsockname(server.listener, (struct sockaddr *)&address, &len) != 0)
        return -1;
    server.port = ntohs(address.sin_port);
    pool = pool_new();
    fetcher_start(&(struct fetch_options){.user_agent = "test/1"});
    return 0;
}

static inline int tear_down(void **state)
{
    if (fetcher != NULL)
        fetcher_stop(fetcher);
    fetcher = NULL;
    server_stop();
    pool_free(pool);
    return 0;
}

static inline const char *url(const char *path)
{
    return pool_printf(pool, "http://127.0.0.1:%d%s", server.port, path);
}

static inline struct fetch_request asking(const char *path)
{
    return (struct fetch_request){.url = url(path), .deadline_ms = WAIT_MS, .max_bytes = 100000};
}

#define fetch_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
