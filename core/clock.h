/* Time. Wall clock for what is stored and shown, monotonic for what waits. Milliseconds. */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct pool;

int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void);
/* "2026-11-24T10:00:00.000Z" */
char *clock_iso(struct pool *pool, int64_t wall_ms);
/* RFC 9110 IMF-fixdate. */
char *clock_http(struct pool *pool, int64_t wall_ms);
/* An ISO time in UTC ("2026-11-27T16:00:38.746Z", with or without fractions) to ms; false for all
 * else. */
bool clock_parse_iso(struct text t, int64_t *wall_ms);
