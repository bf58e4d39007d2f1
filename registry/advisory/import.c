/*
 * An OSV export becomes rows: one advisory, an array of them, or a .zip or .tgz of such files. What
 * is read is bounded (an entry, the whole, how many), what is written goes in batches, so that
 * others write meanwhile, and the same import again changes nothing.
 */
#include "core/bundle.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/file.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/pool.h"
#include "http/operation.h"
#include "registry/advisory/advisory.h"
#include "registry/advisory/osv.h"
#include "registry/area.h"
#include "registry/policy/policy.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCH 200
#define MAX_ENTRY ((size_t)8 << 20)
#define MAX_BATCH_BYTES ((size_t)16 << 20)
#define MAX_REASONS 20
#define TELL_EVERY 2000

static const struct bundle_limits limits = {
    .entries = 1000000, .total_bytes = (uint64_t)8 << 30, .entry_bytes = MAX_ENTRY, .ratio = 200};

struct advisories {
    struct registry *registry;
    struct lane *lane;
    atomic_bool busy, stopping;
};

struct report {
    int64_t read, new, changed, same, withdrawn, elsewhere, refused;
    size_t n_reasons;
    struct text reasons[MAX_REASONS];
};

/* One import. Its pool holds the report; a batch has a pool of its own. */
struct import {
    struct advisories *advisories;
    struct pool *pool, *batch_pool;
    struct osv batch[BATCH];
    size_t n;
    struct report report;
    char operation[27];
    const char *user;
    int fd;
    size_t bytes;
};

static void refuse(struct import *im, struct text where, const struct err *why)
{
    struct report *r = &im->report;
    r->refused++;
    if (r->n_reasons < MAX_REASONS)
        r->reasons[r->n_reasons++] =
            text_printf(im->pool, "%.*s: %s", TEXT_ARG(text_sub(where, 0, 120)), why->text);
}

static int write_batch(struct import *im, struct err *err)
{
    struct report *r = &im->report;
    auto_tx struct db_tx tx = {0};
    if (im->n == 0)
        return 0;
    if (db_begin(&tx, im->advisories->registry->config.control, err) != 0)
        return -1;
    for (size_t i = 0; i < im->n; i++) {
        enum advisory_change change;
        if (advisory_keep(tx.conn, im->batch_pool, &im->batch[i], &change, err) != 0)
            return -1;
        r->new += change == ADVISORY_NEW;
        r->changed += change == ADVISORY_CHANGED;
        r->same += change == ADVISORY_SAME;
        r->withdrawn += change == ADVISORY_WITHDRAWN;
    }
    im->n = 0;
    return db_commit(&tx, err);
}

/* Between documents: what was read is in rows, and its memory goes. */
static int end_batch(struct import *im, struct err *err)
{
    if (write_batch(im, err) != 0)
        return -1;
    pool_free(im->batch_pool);
    im->batch_pool = pool_new();
    return 0;
}

static void tell(struct import *im, int percent)
{
    const struct report *r = &im->report;
    operation_progress(
        im->advisories->registry->config.operations, im->operation, percent,
        text_printf(im->pool,
                    "%lld read: %lld new, %lld changed, %lld known, %lld withdrawn, %lld about "
                    "nothing of npm, %lld refused",
                    (long long)r->read, (long long)r->new, (long long)r->changed,
                    (long long)r->same, (long long)r->withdrawn, (long long)r->elsewhere,
                    (long long)r->refused));
}

static int take_one(struct import *im, const struct json *doc, struct text where, struct err *err)
{
    struct err why;
    struct osv *osv = &im->batch[im->n];
    im->report.read++;
    if (osv_read(im->batch_pool, doc, osv, &why) != 0) {
        refuse(im, where, &why);
        return 0;
    }
    if (osv->n == 0 && !osv->withdrawn) {
        im->report.elsewhere++;
        return 0;
    }
    if (++im->n == BATCH && write_batch(im, err) != 0)
        return -1;
    if (im->report.read % TELL_EVERY == 0)
        tell(im, -1);
    return 0;
}

/* doc lives in the batch's pool or longer than the import. */
static int take_document(struct import *im, const struct json *doc, struct text where,
                         struct err *err)
{
    if (doc->type != JSON_ARRAY)
        return take_one(im, doc, where, err);
    json_each (item, doc) {
        const struct json *id = json_get(item, "id");
        if (take_one(im, item, id != NULL && id->type == JSON_STRING ? id->text : where, err) != 0)
            return -1;
    }
    return 0;
}

static int on_entry(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                    struct err *err)
{
    struct import *im = arg;
    struct text content;
    struct json *doc;
    struct err why;
    if (atomic_load(&im->advisories->stopping))
        return err_set(err, ERR_UNAVAILABLE, "stopping", "The server was stopped meanwhile.");
    if (entry->is_dir || !text_ends(entry->name, ".json"))
        return 0;
    if (bundle_content(walk, im->batch_pool, MAX_ENTRY, &content, err) != 0)
        return -1;
    if (json_read(im->batch_pool, content, JSON_MAX_NODES, &doc, &why) != 0) {
        im->report.read++;
        refuse(im, entry->name, &why);
        return 0;
    }
    if (take_document(im, doc, entry->name, err) != 0)
        return -1;
    bool due = im->n > BATCH / 2 || pool_size(im->batch_pool) > MAX_BATCH_BYTES;
    return due ? end_batch(im, err) : 0;
}

static int take_bytes(struct import *im, struct text bytes, struct err *err)
{
    struct json *doc;
    size_t i = 0;
    while (i < bytes.len && memchr(" \t\r\n", bytes.base[i], 4) != NULL)
        i++;
    if (i < bytes.len && (bytes.base[i] == '{' || bytes.base[i] == '['))
        return json_read(im->pool, bytes, JSON_MAX_NODES, &doc, err) != 0 ||
                       take_document(im, doc, TEXT("the file"), err) != 0
                   ? -1
                   : write_batch(im, err);
    return bundle_walk(bytes, BUNDLE_ZIP_OR_TGZ, &limits, on_entry, im, err) != 0
               ? -1
               : write_batch(im, err);
}

static int take_spool(struct import *im, struct err *err)
{
    void *at = mmap(NULL, im->bytes, PROT_READ, MAP_PRIVATE, im->fd, 0);
    if (at == MAP_FAILED)
        return err_errno(err, "the upload cannot be read");
    int failed = take_bytes(im, text_n(at, im->bytes), err);
    munmap(at, im->bytes);
    return failed;
}

static struct text report_json(struct import *im, const struct err *why)
{
    const struct report *r = &im->report;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, (size_t)64 << 10);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_int(&w, "read", r->read);
    json_put_int(&w, "new", r->new);
    json_put_int(&w, "changed", r->changed);
    json_put_int(&w, "known", r->same);
    json_put_int(&w, "withdrawn", r->withdrawn);
    json_put_int(&w, "elsewhere", r->elsewhere);
    json_put_int(&w, "refused", r->refused);
    json_key(&w, "reasons");
    json_open_array(&w);
    for (size_t i = 0; i < r->n_reasons; i++)
        json_text(&w, r->reasons[i]);
    json_close_array(&w);
    json_put_str(&w, "failed", why != NULL ? why->text : NULL);
    json_close(&w);
    return buf_take(&out, im->pool);
}

static int keep_report(struct import *im, const struct err *why, struct err *err)
{
    static const char sql[] =
        "INSERT INTO advisory_import (id, by, started_at, report) VALUES (?, ?, ?, ?)";
    static const char old_sql[] =
        "DELETE FROM advisory_import WHERE id NOT IN (SELECT id FROM advisory_import ORDER BY "
        "started_at DESC LIMIT 20)";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, im->advisories->registry->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "zzis", im->operation, im->user, clock_wall_ms(),
              report_json(im, why)) < 0 ||
        db_do(tx.conn, err, old_sql, "") < 0)
        return -1;
    return db_commit(&tx, err);
}

static void run(void *arg)
{
    struct import *im = arg;
    struct advisories *a = im->advisories;
    struct err err, report_err;
    im->batch_pool = pool_new();
    int failed = take_spool(im, &err);
    tell(im, failed == 0 ? 100 : -1);
    if (keep_report(im, failed != 0 ? &err : NULL, &report_err) != 0 && failed == 0) {
        failed = -1;
        err = report_err;
    }
    if (policy_reload(a->registry->policy, &report_err) != 0 && failed == 0) {
        failed = -1;
        err = report_err;
    }
    operation_end(a->registry->config.operations, im->operation, failed != 0 ? &err : NULL);
    pool_free(im->batch_pool);
    close(im->fd);
    pool_free(im->pool); /* im lives in it */
    atomic_store(&a->busy, false);
}

/* A file without a name, on the disk of the blobs. */
static int spool(struct import *im, struct text body, struct err *err)
{
    char *temp =
        pool_printf(im->pool, "%s/advisories-XXXXXX", im->advisories->registry->config.spool_dir);
    im->fd = mkostemp(temp, O_CLOEXEC);
    if (im->fd < 0)
        return err_errno(err, "the upload cannot be kept");
    (void)unlink(temp);
    im->bytes = body.len;
    return file_write_all(im->fd, body.base, body.len, err);
}

int advisories_import(struct advisories *a, struct text body, const char *user, char operation[27],
                      struct err *err)
{
    struct operation_spec spec = {
        .kind = "advisories.import", .subject = TEXT("advisories"), .user = user};
    bool idle = false;
    if (body.len == 0)
        return err_set(err, ERR_INVALID, "empty_body", "Send an OSV export: JSON, .zip or .tgz.");
    if (!atomic_compare_exchange_strong(&a->busy, &idle, true))
        return err_set(err, ERR_CONFLICT, "import_running",
                       "Advisories are being imported already. Wait for its end.");
    struct pool *pool = pool_new();
    struct import *im = pool_zalloc(pool, sizeof *im);
    im->advisories = a;
    im->pool = pool;
    im->fd = -1;
    im->user = pool_strdup(pool, user != NULL ? user : "");
    if (spool(im, body, err) == 0 &&
        operation_begin(a->registry->config.operations, &spec, im->operation, err) == 0) {
        memcpy(operation, im->operation, sizeof im->operation);
        if (lane_post(a->lane, run, im))
            return 0;
        (void)err_set(err, ERR_UNAVAILABLE, "busy", "The server is being stopped.");
        operation_end(a->registry->config.operations, im->operation, err);
    }
    file_close(im->fd);
    pool_free(pool);
    atomic_store(&a->busy, false);
    return -1;
}

struct advisories *advisories_open(struct registry *registry)
{
    struct advisories *a = xcalloc(1, sizeof *a);
    a->registry = registry;
    a->lane = lane_new("advisories", 1, 1);
    return a;
}

void advisories_close(struct advisories *a)
{
    if (a == NULL)
        return;
    atomic_store(&a->stopping, true);
    lane_stop(a->lane);
    free(a);
}
