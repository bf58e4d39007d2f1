/*
 * A request between libh2o and its handler. Made on the loop, lent to one worker, answered on the
 * loop. It ends when both libh2o and the worker are done with it. Inside http/ only.
 */
#pragma once

#include "http/answer.h"
#include "http/call.h"
#include "http/loop.h"

struct conn;
struct head;

struct request {
    struct call call; /* first: c->http is the same pointer */
    struct http_loop *loop;
    struct conn *conn;
    h2o_req_t *req; /* NULL once the client is gone; the loop's alone but for its headers, which
                       a worker may read: nothing ends a request of HTTP/1 before its answer */
    const h2o_headers_t *headers;
    struct answer answer;
    struct identity identity;
    struct snapshot *hosts; /* what call.instance lives in */
    struct text credential; /* the cookie's value or the token that identified */
    struct text foreign;    /* a token of another server, to be judged on the password lane */
    const char *cookie_host;
    struct http_message done;
    bool bound;   /* libh2o's request holds us */
    bool running; /* a worker has it */
};

/* Not yet bound: end it by request_free, or bind it. */
struct request *request_new(struct http_loop *loop, h2o_req_t *req);
void request_free(struct request *r);
/* From now on it ends with the h2o_req_t. */
void request_bind(struct request *r);
/* Hands it to the lane of its route; answers 503 when that is full. */
void request_run(struct request *r);
/* Sends what was composed. The request may be gone afterwards. */
void request_send(struct request *r);

/* The judge (gate.c): libh2o's handler for everything. */
int gate_on_req(h2o_handler_t *self, h2o_req_t *req);
/* The same judgement while the body still comes in. False, and answered, when it need not come: it
 * would be refused, is declared larger than allowed or than the room that is left. Otherwise the
 * route's ceiling in *max_body. */
bool gate_early(struct request *r, size_t room, size_t *max_body);
void gate_too_large(struct request *r);
void gate_no_room(struct request *r);
/* Who asks, by cookie or Authorization. False, and answered, for a credential that is wrong. */
bool credential_find(struct request *r);
/* On the password lane, for a foreign token: who asks and may they? False, and answered, if not. */
bool credential_settle(struct request *r);
/* May they use the route? False, and answered, if not. */
bool credential_judge(struct request *r);
/* For proxied requests: as credential_find, but only our own bearers count. */
bool credential_find_for_instance(struct request *r);
