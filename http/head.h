/*
 * A request's head as it came over the wire, judged strictly: libh2o 2.2.5 accepts two
 * Content-Lengths, both framings at once, bare line feeds, folded lines and two Hosts, each of
 * which somebody in front of us may read differently. Pure.
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;

#define HEAD_MAX_BYTES 65536
#define HEAD_MAX_TARGET 16384
#define HEAD_MAX_METHOD 32

struct head {
    size_t bytes;     /* with its empty line */
    struct text host; /* as sent */
    bool chunked;
    int64_t content_length; /* -1: none */
};

/* raw begins where the library began to read. ERR_INVALID names what is wrong. */
int head_scan(struct text raw, struct head *head, struct err *err);
/* A token as method; an origin-form target without blanks or controls. */
int head_check_line(struct text method, struct text target, struct err *err);
/* "Demo.localhost:8080": lower-cased in pool, and the name alone. ERR_INVALID "bad_host". */
int head_host(struct pool *pool, struct text host, struct text *lower, struct text *name,
              struct err *err);
