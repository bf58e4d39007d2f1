#include "registry/stock/stock.h"

#include "core/blob.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/pool.h"
#include "http/operation.h"
#include "registry/area.h"
#include "registry/quota/retention.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_ITEMS 1000
#define MOST_COUNTS 16
#define MOST_WAITING 4
#define MOST_REPORT ((size_t)4 << 20)
#define DAY_MS (24 * 3600 * 1000ll)
#define GC_AGE_MS DAY_MS
#define AGAIN_MS (3600 * 1000ll) /* of what is due and failed */

struct stock {
    struct registry *registry;
    struct lane *lane;
    atomic_bool stopping;
    atomic_uint begun;             /* not ended yet: one runs, others wait */
    int64_t tried_ms[STOCK_KINDS]; /* of stock_daily alone, monotonic; 0: not yet */
};

struct stock_run {
    struct stock *stock;
    struct stock_spec spec;
    char *user, *tenant;
    char operation[27];
    struct pool *pool;
    struct buf items;
    struct json_writer w;
    size_t n_items, n_problems;
    struct {
        const char *name;
        int64_t n;
    } counts[MOST_COUNTS];
    size_t n_counts;
    int64_t started_ms;
};

static const struct {
    const char *name, *operation;
    int (*run)(struct stock_run *run, struct err *err);
} kinds[] = {
    [STOCK_VERIFY] = {"verify", "registry.verify", stock_verify},
    [STOCK_GC] = {"gc", "registry.gc", stock_gc},
    [STOCK_RETENTION] = {"retention", "registry.retention", retention_run},
};

const char *stock_kind_name(enum stock_kind kind)
{
    return kinds[kind].name;
}

struct registry *stock_run_registry(struct stock_run *run)
{
    return run->stock->registry;
}

const struct stock_spec *stock_run_spec(const struct stock_run *run)
{
    return &run->spec;
}

bool stock_run_goes_on(struct stock_run *run)
{
    return !atomic_load(&run->stock->stopping);
}

void stock_run_progress(struct stock_run *run, int percent, struct text step)
{
    operation_progress(run->stock->registry->config.operations, run->operation, percent, step);
}

void stock_run_item(struct stock_run *run, const struct stock_item *item)
{
    struct json_writer *w = &run->w;
    run->n_problems += item->problem;
    if (run->n_items++ >= MOST_ITEMS)
        return;
    json_open(w);
    json_put_str(w, "what", item->what);
    json_put_bool(w, "problem", item->problem);
    json_put_text(w, "package", item->package);
    json_put_text(w, "version", item->version);
    json_put_text(w, "blob", item->blob != NULL ? blob_hex(run->pool, item->blob) : TEXT_NONE);
    json_put_int(w, "bytes", item->bytes);
    json_put_str(w, "text", item->text);
    json_close(w);
}

void stock_run_count(struct stock_run *run, const char *name, int64_t n)
{
    for (size_t i = 0; i < run->n_counts; i++)
        if (strcmp(run->counts[i].name, name) == 0) {
            run->counts[i].n += n;
            return;
        }
    if (run->n_counts == MOST_COUNTS)
        return;
    run->counts[run->n_counts].name = name;
    run->counts[run->n_counts++].n = n;
}

static struct text report_of(struct stock_run *run)
{
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MOST_REPORT + 4096);
    json_writer_init(&w, &out);
    json_close_array(&run->w);
    json_open(&w);
    json_put_str(&w, "kind", kinds[run->spec.kind].name);
    json_put_str(&w, "operation", run->operation);
    json_put_bool(&w, "dry_run", run->spec.dry_run);
    json_put_time(&w, "started_at", run->started_ms);
    json_put_time(&w, "ended_at", clock_wall_ms());
    json_put_bool(&w, "sound", run->n_problems == 0);
    json_put_int(&w, "problems", (int64_t)run->n_problems);
    json_key(&w, "counts");
    json_open(&w);
    for (size_t i = 0; i < run->n_counts; i++)
        json_put_int(&w, run->counts[i].name, run->counts[i].n);
    json_close(&w);
    json_put_int(&w, "left_out",
                 run->n_items > MOST_ITEMS ? (int64_t)(run->n_items - MOST_ITEMS) : 0);
    json_key(&w, "items");
    json_raw(&w, buf_view(&run->items));
    json_close(&w);
    return buf_take(&out, run->pool);
}

/* ended_at says when all was looked at last: a run of one tenant, or a dry one, leaves it. */
static int keep_report(struct stock_run *run, struct err *err)
{
    static const char sql[] =
        "INSERT INTO stock_report (kind, document, ended_at) VALUES (?, ?, ?) ON CONFLICT (kind) "
        "DO UPDATE SET document = excluded.document, ended_at = iif(excluded.ended_at = 0, "
        "ended_at, excluded.ended_at)";
    bool whole = run->spec.tenant == NULL && !run->spec.dry_run;
    struct text report = report_of(run);
    auto_tx struct db_tx tx = {0};
    if (report.base == NULL)
        return err_set(err, ERR_TOO_LARGE, "too_large", "The report became too large.");
    if (db_begin(&tx, run->stock->registry->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "zsi", kinds[run->spec.kind].name, report,
              whole ? clock_wall_ms() : (int64_t)0) < 0)
        return -1;
    return db_commit(&tx, err);
}

static void run_free(struct stock_run *run)
{
    buf_release(&run->items);
    pool_free(run->pool);
    free(run->user);
    free(run->tenant);
    free(run);
}

static void work(void *arg)
{
    struct stock_run *run = arg;
    struct stock *stock = run->stock;
    struct operations *operations = stock->registry->config.operations;
    struct err err;
    run->started_ms = clock_wall_ms();
    buf_init(&run->items, MOST_REPORT);
    json_writer_init(&run->w, &run->items);
    json_open_array(&run->w);
    int failed = kinds[run->spec.kind].run(run, &err);
    if (failed == 0 && !stock_run_goes_on(run))
        failed = err_set(&err, ERR_UNAVAILABLE, "stopping", "The server ended meanwhile.");
    if (failed == 0)
        failed = keep_report(run, &err);
    if (failed != 0)
        log_error("stock", err.text, NULL);
    else if (run->n_problems > 0)
        log_error("stock", "the registry is not sound", "problems=%zu kind=%s", run->n_problems,
                  kinds[run->spec.kind].name);
    operation_end(operations, run->operation, failed != 0 ? &err : NULL);
    run_free(run);
    atomic_fetch_sub(&stock->begun, 1);
}

struct stock *stock_open(struct registry *registry)
{
    struct stock *stock = xcalloc(1, sizeof *stock);
    stock->registry = registry;
    stock->lane = lane_new("stock", 1, MOST_WAITING);
    return stock;
}

void stock_close(struct stock *stock)
{
    if (stock == NULL)
        return;
    atomic_store(&stock->stopping, true);
    lane_stop(stock->lane);
    free(stock);
}

static int busy(struct err *err)
{
    return err_set(err, ERR_CONFLICT, "busy",
                   "The store is being looked through, and more waits already; try again later.");
}

int stock_begin(struct stock *stock, const struct stock_spec *spec, char operation[27],
                struct err *err)
{
    struct operations *operations = stock->registry->config.operations;
    struct operation_spec made = {kinds[spec->kind].operation, spec->tenant,
                                  text_of(kinds[spec->kind].name), spec->user};
    struct stock_run *run = xcalloc(1, sizeof *run);
    run->stock = stock;
    run->spec = *spec;
    run->spec.tenant = run->tenant = spec->tenant != NULL ? xstrdup(spec->tenant) : NULL;
    run->spec.user = run->user = spec->user != NULL ? xstrdup(spec->user) : NULL;
    run->pool = pool_new();
    int failed = operation_begin(operations, &made, run->operation, err);
    if (failed == 0) {
        memcpy(operation, run->operation, sizeof run->operation);
        atomic_fetch_add(&stock->begun, 1);
        if (lane_post(stock->lane, work, run))
            return 0;
        atomic_fetch_sub(&stock->begun, 1);
        failed = busy(err);
        operation_end(operations, run->operation, err);
    }
    run_free(run);
    return failed;
}

/* When a whole run of this kind last ended; 0: never. */
static int64_t last_run(const struct stock *stock, const char *kind)
{
    static const char sql[] = "SELECT ended_at FROM stock_report WHERE kind = ?";
    auto_pool struct pool *pool = pool_new();
    int64_t at = 0;
    auto_read struct db_read r = db_read(stock->registry->config.control, NULL);
    if (r.conn == NULL)
        return clock_wall_ms();
    return db_get(r.conn, pool, NULL, sql, "z", "i", kind, &at) == 0 ? at : 0;
}

static bool is_due(const struct stock *stock, enum stock_kind kind)
{
    int64_t tried = stock->tried_ms[kind];
    return (tried == 0 || clock_mono_ms() - tried >= AGAIN_MS) &&
           last_run(stock, kinds[kind].name) + DAY_MS <= clock_wall_ms();
}

/* Nothing is put behind what runs: while that goes on for hours, this is called each minute. */
void stock_daily(struct stock *stock)
{
    static const enum stock_kind daily[] = {STOCK_RETENTION, STOCK_GC};
    char operation[27];
    struct err err;
    if (atomic_load(&stock->begun) > 0)
        return;
    for (size_t i = 0; i < sizeof daily / sizeof daily[0]; i++) {
        struct stock_spec spec = {.kind = daily[i], .older_ms = GC_AGE_MS};
        if (!is_due(stock, spec.kind))
            continue;
        stock->tried_ms[spec.kind] = clock_mono_ms();
        if (stock_begin(stock, &spec, operation, &err) != 0 && err.kind != ERR_CONFLICT)
            log_error("stock", err.text, NULL);
        return;
    }
}
