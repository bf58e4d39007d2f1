/*
 * A part of a file's content as a body. The loop hands an open file to the kernel (sendfile) where
 * nothing encrypts, else it sends window by window from the mapping; what has gone cold is read
 * ahead by a worker first. Inside http/ only.
 */
#pragma once

#include "core/text.h"

#include <h2o.h>
#include <stdbool.h>
#include <stdint.h>

struct call;
struct content;
struct file_body;
struct http_loop;

/* Holds content. */
struct file_body *file_body_new(struct http_loop *loop, struct content *content, uint64_t from,
                                uint64_t len);
void file_body_send(struct file_body *body, h2o_req_t *req, bool head);
/* NULL is fine. */
void file_body_free(struct file_body *body);
/* As call_file with content at hand, which it holds for as long as it needs it. Any thread that may
 * answer. */
void file_answer(struct call *c, const char *mime, struct content *content, struct text etag);
