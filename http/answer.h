/*
 * An answer as a handler composed it, in the call's pool, until the loop sends it. Inside http/
 * only.
 */
#pragma once

#include "core/text.h"

struct file_body;
struct ready_entry;
struct stream;

struct answer_header {
    const char *name; /* lower case, static text */
    struct text value;
    struct answer_header *next;
};

struct answer {
    int status;
    struct text body;              /* in the pool, static, or held below; also when asked by HEAD */
    struct answer_header *headers; /* in order */
    struct answer_header *last;
    struct file_body *file;    /* instead of body */
    struct stream *stream;     /* instead of body; held */
    struct ready_entry *ready; /* held: body points into it */
    bool no_length;            /* 204 and 304: neither body nor Content-Length */
    bool close;                /* the connection ends with it */
};

struct call;
struct answer *call_answer(struct call *c);
/* Marks as answered with this status; false, and aborts in debug builds, when it was already. */
bool answer_begin(struct call *c, int status);
/* As call_set without the checks, for values that are ours; replaces one of the same name. */
void answer_set(struct call *c, const char *name, struct text value);
/* As call_fail with a status that no kind of error has (405, 421). */
struct err;
void answer_fail(struct call *c, int status, const struct err *err);
const char *answer_reason(int status);
