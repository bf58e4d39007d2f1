/* The world of the HTTP fixture: what its routes count and keep, and its options ask for. */
#pragma once

#include "http/account.h"
#include "http/hosts.h"
#include "http/ready.h"
#include "http/route.h"
#include "http/server.h"
#include "http/stream.h"

#include <pthread.h>
#include <stdatomic.h>

struct listener {
    struct stream *stream;
    struct listener *next;
};

struct fixture {
    const char *dir;
    struct account *account;
    struct hosts *hosts;
    struct ready *ready;
    struct http_server *server;
    struct pool *pool;
    char user[ACCOUNT_ID], admin[ACCOUNT_ID], tenant[ACCOUNT_ID], token_id[ACCOUNT_ID];
    atomic_uint builds, handled, closed;
    pthread_mutex_t lock;
    struct listener *listeners;
};

extern struct fixture world;

/* Registers the fixture's routes. 0, or -1 with err. */
int fixture_routes(struct router *router, struct err *err);
