/* Listening sockets: addresses from the option, and Unix sockets. Inside http/ only. */
#pragma once

#include "core/text.h"

#include <sys/socket.h>

struct err;

struct listen_address {
    struct sockaddr_storage sa;
    socklen_t len;
};

/* "127.0.0.1:8080", "[::]:443", ":8080", "localhost:0". ERR_INVALID "bad_listen". */
int listen_parse(struct text address, struct listen_address *out, struct err *err);
/* A bound, listening descriptor that shares its port with others of ours. "port_taken" names it.
 * With port 0 the address gets the port that was found. */
int listen_tcp(struct listen_address *address, struct err *err);
/* A left-over socket file is replaced. Mode 0600. */
int listen_unix(const char *path, struct err *err);
int listen_port(const struct listen_address *address);
