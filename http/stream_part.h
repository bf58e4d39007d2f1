/* The loop's side of streams. Inside http/ only; on the loop's thread. */
#pragma once

#include "http/loop.h"

struct request;
struct stream;

/* Begins the response. With head only its header is sent. */
void stream_send(struct stream *s, struct request *r, bool head);
/* Lets go of an answer's stream; one that was never sent ends. */
void stream_release(struct stream *s);
/* Ends all of this loop politely: the server stops. */
void streams_end(struct http_loop *loop);
/* Ends those whose client has hung up: nothing is read from a connection while its answer goes on,
 * so libh2o would learn of it by the next failed write only. */
void streams_sweep(struct http_loop *loop);
/* Ends those of a user (NULL: anybody) whose right is gone or has changed. */
void streams_judge(struct http_loop *loop, const char *user);
