/* How a runtime ended, in words, and how long to wait before it is started again. Pure but for the
 * jitter. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct instance_end;

#define END_BACKOFF_FIRST_MS 1000
#define END_BACKOFF_MOST_MS 60000

/* "Node-RED ended with status 1: last words" */
void end_describe(const struct instance_end *end, char *out, size_t n);
/* Doubles with each end in a row, up to a minute, with jitter. */
int64_t end_backoff_ms(unsigned ends);
