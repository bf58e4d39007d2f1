/*
 * The sweep: libh2o has one timer over head, body and keep-alive, and no hook before a body is
 * complete. So every 100 ms each loop looks at what its connections are doing and ends what is too
 * slow, too large, not allowed or forgotten. Inside http/ only.
 */
#pragma once

#include <stdbool.h>

struct http_loop;

#define WATCH_HEAD_MS 10000   /* from the first byte of a head to its last */
#define WATCH_IDLE_MS 60000   /* between requests */
#define WATCH_STALL_MS 30000  /* a body, or an answer that is being sent, makes no progress */
#define WATCH_SLOW_MS 60000   /* after this long a body must have averaged */
#define WATCH_SLOW_BYTES 4096 /* this much a second */

/* Runs the sweep while the loop has connections. */
void watch_start(struct http_loop *loop);
