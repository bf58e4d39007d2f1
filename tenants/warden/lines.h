/*
 * Cuts a byte stream of a hostile writer into lines of bounded length.
 */
#pragma once

#include "core/text.h"

enum lines_excess {
    LINES_SPLIT, /* a longer line comes in pieces */
    LINES_DROP,  /* a longer line is passed over as a whole */
};

struct lines {
    char *buf; /* max bytes, given by the owner */
    size_t max;
    enum lines_excess excess;
    /* below: not written by callers */
    size_t len;
    bool dropping;
    uint64_t dropped; /* lines */
};

typedef void lines_fn(void *arg, struct text line);

/* Calls fn for each line, without its end ("\n" or "\r\n"). */
void lines_feed(struct lines *l, const char *p, size_t n, lines_fn *fn, void *arg);
/* The stream ended: what is left is a line too (LINES_SPLIT only). */
void lines_end(struct lines *l, lines_fn *fn, void *arg);
