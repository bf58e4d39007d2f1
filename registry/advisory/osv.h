/*
 * One document of the OSV schema as what is kept of it. The document is anybody's: every text has a
 * ceiling, every version is judged, ranges are written anew. Pure.
 */
#pragma once

#include "core/text.h"

struct err;
struct json;
struct pool;

#define OSV_MAX_PACKAGES 500    /* of one advisory */
#define ADVISORY_MAX_RANGE 8192 /* bytes of one */

struct osv_range {
    struct text package, vulnerable, patched; /* as in table advisory_range */
};

struct osv {
    struct text id, modified, published, title, url, level, vector; /* vector absent: none */
    struct text aliases, cwe;                                       /* JSON arrays */
    int score;                                                      /* tenths */
    bool withdrawn;
    struct osv_range *ranges; /* none: it is about no package of npm */
    size_t n;
};

/* ERR_UNPROCESSABLE "bad_advisory" with what is wrong. */
int osv_read(struct pool *pool, const struct json *doc, struct osv *out, struct err *err);
/* "low", "moderate", "high", "critical" as 1 to 4; 0 for all else. */
int advisory_level(struct text level);
/* Does the range, as kept here, hold the version? Prereleases count like all others. */
bool advisory_covers(struct text range, struct text version);
/* A range that npm reads and that is not longer than what is kept. */
bool advisory_is_range(struct text range);
