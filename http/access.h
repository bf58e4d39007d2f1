/*
 * The access log: each loop notes its requests in a ring of its own, a thread formats and writes
 * them, so that no request waits for a disk. What does not fit is counted, not waited for. A file
 * that was moved away or removed is opened anew. Inside http/ only.
 */
#pragma once

#include "core/text.h"

#include <h2o.h>

struct access_log;
struct err;
struct http_loop;
struct log_ring;

struct access_log *access_log_open(const char *path, unsigned loops, struct err *err);
/* Writes what is there and ends the thread. The loops have ended. NULL is fine. */
void access_log_close(struct access_log *log);
struct log_ring *access_log_ring(struct access_log *log, unsigned loop);
/* Requests of this path are logged, if their loop has a ring. Before the loops start. */
void access_log_register(h2o_pathconf_t *path);
/* Who asks, under which id, from where: kept with the request for its line. The loop's thread. */
void access_note(h2o_req_t *req, struct text who, struct text id, struct text peer);
/* A request's path as logs may show it, without what is a secret of its own: npm puts tokens into
 * addresses (DELETE …/-/user/token/TOKEN at logout, …/tokens/token/TOKEN), who has the address of a
 * web login gets its token, and the key of a catalogue stands in /catalogue/KEY/catalogue.json. */
struct text access_path(struct text path);
