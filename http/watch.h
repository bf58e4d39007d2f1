/*
 * The sweep: libh2o has one timer over head, body and keep-alive, and no hook before a body is
 * complete. So every 100 ms each loop looks at what its connections are doing and ends what is too
 * slow, too large, not allowed or forgotten. Inside http/ only.
 */
#pragma once

#include <stdbool.h>

struct http_loop;

/* Runs the sweep while the loop has connections. */
void watch_start(struct http_loop *loop);
