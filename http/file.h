/*
 * A part of a file as a body: mapped by the worker that answered, sent by the loop window by window
 * without a copy of ours; what has gone cold meanwhile is read ahead by a worker. The file must not
 * shrink. Inside http/ only.
 */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct file_body;
struct http_loop;

/* Takes over fd (-1: the length only, for HEAD). */
struct file_body *file_body_new(struct http_loop *loop, int fd, uint64_t from, uint64_t len,
                                struct err *err);
void file_body_send(struct file_body *body, h2o_req_t *req, bool head);
/* NULL is fine. */
void file_body_free(struct file_body *body);
