/*
 * Notices that a client has gone while its request is with an instance or waits for one: libh2o
 * stops reading then and would learn of it only by a failed write. Watching also leaves the
 * socket's polling as it is, which saves two system calls a request. One table of sockets a loop.
 */
#pragma once

#include <stddef.h>

struct exchange;

/* By descriptor; zeroed to begin. */
struct client_table {
    struct exchange **by_fd;
    size_t n;
};

/* From exchange_new until the request is disposed of. HTTP/1 only. */
void client_watch(struct exchange *x);
void client_unwatch(struct exchange *x);
