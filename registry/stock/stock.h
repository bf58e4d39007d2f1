/*
 * What lies on the disk beside what the rows say: `verify` hashes every blob anew and compares
 * every row with its blob, `gc` removes blobs that nobody needs. One run at a time, on a thread of
 * its own, as an operation with a report that stays until the next run of its kind. Both work
 * beside requests and take no more than about half of one disk and one core.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct blob_id;
struct err;
struct pool;
struct registry;
struct stock;

enum stock_kind { STOCK_VERIFY, STOCK_GC, STOCK_RETENTION, STOCK_KINDS };
const char *stock_kind_name(enum stock_kind kind);

struct stock *stock_open(struct registry *registry);
void stock_close(struct stock *stock); /* ends what runs; NULL is fine */

struct stock_spec {
    enum stock_kind kind;
    const char *user;   /* id of who asked; NULL: the system */
    bool dry_run;       /* says what would be removed */
    int64_t older_ms;   /* of gc: younger blobs stay */
    const char *tenant; /* of retention: id; NULL: all */
};
/* Waits for the one that runs; ERR_CONFLICT "busy" when several wait already. operation: the one
 * to follow. */
int stock_begin(struct stock *stock, const struct stock_spec *spec, char operation[27],
                struct err *err);
/* What is due once a day, when nothing runs; called now and then, by one thread. */
void stock_daily(struct stock *stock);

/* A run, for those who do it. */
struct stock_run;
struct registry *stock_run_registry(struct stock_run *run);
const struct stock_spec *stock_run_spec(const struct stock_run *run);
/* False: the server stops. */
bool stock_run_goes_on(struct stock_run *run);
void stock_run_progress(struct stock_run *run, int percent, struct text step);
/* One line of the report. A problem makes the run's outcome unsound. */
struct stock_item {
    const char *what; /* "damaged" */
    bool problem;
    struct text package, version; /* absent: not known */
    const struct blob_id *blob;   /* NULL: none */
    int64_t bytes;
    const char *text; /* one sentence; NULL: none */
};
void stock_run_item(struct stock_run *run, const struct stock_item *item);
/* A number of the report's summary. */
void stock_run_count(struct stock_run *run, const char *name, int64_t n);

int stock_verify(struct stock_run *run, struct err *err);
int stock_gc(struct stock_run *run, struct err *err);
