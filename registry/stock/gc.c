#include "core/blob.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/area.h"
#include "registry/stock/stock.h"

#include <unistd.h>

#define TOLD_EVERY 500

struct gc {
    struct stock_run *run;
    struct blobs *blobs;
    int64_t before_ms, seen, removed, bytes;
    struct err *err;
    bool failed;
};

static bool is_gone(struct blobs *blobs, const struct blob_id *id)
{
    int fd = -1;
    uint64_t bytes;
    struct err err;
    if (blob_open(blobs, id, &fd, &bytes, &err) == 0) {
        close(fd);
        return false;
    }
    return err.kind == ERR_NOT_FOUND;
}

/* Asked twice: cheaply first, and once more by blob_remove, while nobody can begin to need it. */
static bool remove_one(struct gc *gc, const struct blob_id *id, uint64_t bytes)
{
    bool needed = true;
    if (blob_is_needed(gc->blobs, id, &needed, gc->err) != 0)
        return false;
    if (needed)
        return true;
    if (!stock_run_spec(gc->run)->dry_run) {
        struct err why;
        if (blob_remove(gc->blobs, id, &why) != 0) {
            struct stock_item stuck = {.what = "stuck",
                                       .problem = true,
                                       .blob = id,
                                       .bytes = (int64_t)bytes,
                                       .text = why.text};
            stock_run_item(gc->run, &stuck);
            return true;
        }
        if (!is_gone(gc->blobs, id))
            return true;
    }
    gc->removed++;
    gc->bytes += (int64_t)bytes;
    struct stock_item item = {.what = "removed", .blob = id, .bytes = (int64_t)bytes};
    stock_run_item(gc->run, &item);
    return true;
}

static bool look(void *arg, const struct blob_id *id, uint64_t bytes, int64_t stored_ms)
{
    struct gc *gc = arg;
    if (++gc->seen % TOLD_EVERY == 0) {
        auto_pool struct pool *pool = pool_new();
        stock_run_progress(gc->run, -1,
                           text_printf(pool, "%lld blobs looked at, %lld not needed",
                                       (long long)gc->seen, (long long)gc->removed));
    }
    gc->failed = stored_ms < gc->before_ms && !remove_one(gc, id, bytes);
    return !gc->failed && stock_run_goes_on(gc->run);
}

int stock_gc(struct stock_run *run, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    const struct stock_spec *spec = stock_run_spec(run);
    struct gc gc = {.run = run,
                    .blobs = stock_run_registry(run)->config.blobs,
                    .before_ms = clock_wall_ms() - spec->older_ms,
                    .err = err};
    if (blobs_each(gc.blobs, look, &gc, err) != 0 || gc.failed)
        return -1;
    stock_run_count(run, "blobs", gc.seen);
    stock_run_count(run, "removed", gc.removed);
    stock_run_count(run, "removed_bytes", gc.bytes);
    stock_run_progress(run, 100,
                       text_printf(pool, "%lld of %lld blobs %s, %lld bytes", (long long)gc.removed,
                                   (long long)gc.seen,
                                   spec->dry_run ? "would be removed" : "removed",
                                   (long long)gc.bytes));
    return 0;
}
