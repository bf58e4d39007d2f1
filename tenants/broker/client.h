/*
 * The server's end of the broker's socket. One loop owns it (the keeper's); other threads call
 * through it.
 */
#pragma once

#include "tenants/broker/broker.h"

struct broker_client;
struct err;
struct loop;

/* Called once for each request, on the loop's thread. A broker that is gone: status -1
 * "broker_gone". */
typedef void broker_reply_fn(void *arg, const struct broker_reply *reply);

/* fd is broker_fork's, taken over. On the loop's thread, or before it runs. */
struct broker_client *broker_client_open(int fd, struct loop *loop, struct err *err);
/* Sends a request; version and serial are filled in. n descriptors (two at most) go along; they
 * stay the caller's. fn may be NULL. On the loop's thread. */
void broker_client_send(struct broker_client *c, const struct broker_request *request,
                        const int *fds, unsigned n, broker_reply_fn *fn, void *arg);
/* As send, and waits for the reply. Any thread but the loop's, as long as the loop runs. Fails when
 * the broker does: err then has the broker's code and text. */
int broker_client_call(struct broker_client *c, const struct broker_request *request,
                       const int *fds, unsigned n, struct broker_reply *reply, struct err *err);
/* Called once, on the loop's thread, when the broker is gone. */
void broker_client_on_gone(struct broker_client *c, void (*fn)(void *), void *arg);
/* What still waits for a reply gets "broker_gone". On the loop's thread, or after it ended. */
void broker_client_close(struct broker_client *c);
