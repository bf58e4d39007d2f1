/*
 * Walks the members of one JSON object without building nodes: for documents of the uplink, which
 * may have tens of megabytes and of which three members matter. It checks brackets, strings and
 * commas; it does not judge what stands inside values it steps over. Pure; never reads past its
 * input.
 */
#pragma once

#include "core/text.h"

struct jsonscan {
    struct text key;   /* as written, without its quotes; escapes are not resolved */
    struct text value; /* as written */
    /* below: not written by callers */
    struct text in;
    size_t at;
    bool bad; /* malformed: what was given so far may be right */
};

/* object begins with '{' (after white space). */
void jsonscan_init(struct jsonscan *s, struct text object);
/* The next member. False at the end and when malformed (s->bad). */
bool jsonscan_next(struct jsonscan *s);
/* The value of a key as written; absent if it is not there or the object is malformed. */
struct text jsonscan_get(struct text object, const char *key);
/* The inside of a string value that needs no unescaping; absent for all else. */
struct text jsonscan_string(struct text value);
