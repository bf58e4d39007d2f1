/*
 * Files that are asked for again and again, held open (small ones in memory) and answered on the
 * loop. An entry stands in a group: what makes files come and go drops its group. Bounded in memory
 * and in open files; the least recently used go. Thread-safe.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct call;
struct warm;

/* memory: bytes of small files. */
struct warm *warm_new(size_t memory, size_t open_files);
void warm_free(struct warm *warm); /* NULL is fine; nobody may be using it */

/* For route.ready, on the loop: as call_file, from what is held; or false. */
bool warm_answer(struct warm *warm, struct call *c, const char *mime, struct text group,
                 struct text name);
/* For route.handle: begin before looking up what the file is, so that a group that is dropped
 * meanwhile does not come back. */
uint64_t warm_moment(struct warm *warm, struct text group);
struct warm_file {
    struct text group, name;
    uint64_t moment; /* taken before the look-up */
    int fd;
    uint64_t bytes;
    struct text etag; /* quoted */
};
/* As call_file, and keeps the file unless its group was dropped since moment. */
void warm_file(struct warm *warm, struct call *c, const char *mime, const struct warm_file *file);
/* After the commit that changed it. */
void warm_drop(struct warm *warm, struct text group);
/* Whatever there is: what may be sent was decided anew. */
void warm_drop_all(struct warm *warm);
