/*
 * Ready bytes: finished bodies with ETag (plain, gzip, zstd as asked for), kept under a byte budget
 * and answered on the loop. Invalidated after the commit; built at the first ask by one worker for
 * all who wait.
 */
#pragma once

#include "core/text.h"

struct call;
struct err;
struct pool;
struct ready;

struct ready *ready_new(size_t budget_bytes);
void ready_free(struct ready *ready);

/* Builds the body of key: returns 0 and the text in pool, or -1 with err (nothing is kept). */
typedef int ready_build_fn(void *arg, struct pool *pool, struct text key, struct text *body,
                           struct err *err);

/* For route.ready, on the loop: answers from memory (200 or 304, HEAD, encodings, `vary`), or
 * false. */
bool ready_answer(struct ready *ready, struct call *c, struct text key, const char *mime);
/* For route.handle, on a worker: builds (or waits for who is building), keeps and answers. */
void ready_build(struct ready *ready, struct call *c, struct text key, const char *mime,
                 ready_build_fn *build, void *arg);
/* After the commit that changed them. A build under way that began before is not kept. A prefix
 * that holds two words and their spaces ("npm NAME ") costs little however many bodies there are;
 * another looks at them all. */
void ready_drop_prefix(struct ready *ready, struct text prefix);
