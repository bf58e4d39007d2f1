/*
 * How often each version was downloaded, by day: counted in memory by whoever serves a tarball,
 * written once a minute. A count is a hint for people, not a bill: what is not written yet is lost
 * with the power, and past a bound new names of one minute are not counted.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct db;
struct downloads;
struct err;

struct downloads *downloads_new(struct db *control);
void downloads_free(struct downloads *downloads); /* NULL is fine; flushes nothing */
/* Any thread. */
void downloads_count(struct downloads *downloads, struct text package, struct text version);
/* A timer's worker; also drops what is too old, once a day. */
int downloads_flush(struct downloads *downloads, struct err *err);
/* Today, as days since 1970. */
int64_t downloads_today(void);
