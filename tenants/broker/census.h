/*
 * Watches how much a running job writes, by counting its out folder every few seconds in a helper,
 * and ends a job that goes past its bounds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct census;
struct helper;

struct census_bounds {
    int64_t bytes, entries;
};

/* out is duplicated. Ends with census_end. */
struct census *census_begin(struct helper *job, int out, const struct census_bounds *bounds);
/* Stops counting; true when the job was ended for its size. */
bool census_end(struct census *census);
