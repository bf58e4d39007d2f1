/*
 * A long-running action with progress, as the API and the UI see it: a row in the control database,
 * events while it runs, an answer of 202 with its address. After a crash, what was running is
 * failed with a sentence unless its owner takes it up again.
 */
#pragma once

#include "core/text.h"

struct call;
struct db;
struct err;
struct events;
struct operations;
struct pool;

struct operations *operations_open(struct db *control, struct events *events, struct err *err);
void operations_close(struct operations *operations);

struct operation_spec {
    const char *kind;    /* "instance.start", "stack.add" */
    const char *tenant;  /* id or NULL */
    struct text subject; /* "demo", "node-red@5" */
    const char *user;    /* who asked; NULL: the system */
};
int operation_begin(struct operations *operations, const struct operation_spec *spec, char id[27],
                    struct err *err);
/* step: one sentence of what is happening; percent 0..100 or -1 unknown. Worker. */
void operation_progress(struct operations *operations, const char *id, int percent,
                        struct text step);
/* problem NULL: done. Worker. */
void operation_end(struct operations *operations, const char *id, const struct err *problem);
/* Answers 202 {"operation": {...}} with Location. */
void operation_answer(struct operations *operations, struct call *c, const char *id);
/* The table of GET /api/v1/operations[/:id]. */
struct router;
int operations_routes(struct operations *operations, struct router *router, struct err *err);
