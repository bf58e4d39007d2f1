#include "core/blob.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/area.h"
#include "registry/signature/signature.h"
#include "registry/stock/stock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 20)
#define ROWS_AT_ONCE 500
#define UNDER_WAY_MS (10 * 60 * 1000) /* its row may still be to come */

struct verify {
    struct stock_run *run;
    struct registry *registry;
    unsigned char *piece;
    int64_t blobs, seen, versions;
    int told; /* percent */
    struct err *err;
    bool failed;
};

/* As long as the work took: others want the disk too. */
static void give_way(int64_t began_ms)
{
    int64_t took = clock_mono_ms() - began_ms;
    if (took > 0)
        usleep((useconds_t)(took > 500 ? 500 : took) * 1000);
}

/* False: it cannot be read to its end. */
static bool hash(struct verify *v, int fd, struct blob_id *out)
{
    struct digest *d = digest_new(DIGEST_SHA512);
    ssize_t n = 1;
    while (n > 0 && stock_run_goes_on(v->run)) {
        int64_t began = clock_mono_ms();
        n = read(fd, v->piece, PIECE);
        if (n > 0)
            digest_add(d, v->piece, (size_t)n);
        give_way(began);
    }
    digest_end(d, out->sha512);
    return n == 0;
}

/* Who says that they need it: one line for each. */
static int blame(struct verify *v, const struct blob_id *id, const char *what, int64_t bytes,
                 const char *text)
{
    static const char sql[] =
        "SELECT package, version FROM package_version WHERE sha512 = ?1 UNION ALL SELECT package, "
        "version || ' staged' FROM stage WHERE sha512 = ?1 UNION ALL SELECT name, "
        "file FROM uplink_tarball WHERE sha512 = ?1 UNION ALL SELECT name, form || ' document' "
        "FROM "
        "uplink_document WHERE sha512 = ?1 LIMIT 100";
    auto_pool struct pool *pool = pool_new();
    struct stock_item item = {
        .what = what, .problem = true, .blob = id, .bytes = bytes, .text = text};
    bool any = false;
    auto_read struct db_read r = db_read(v->registry->config.control, v->err);
    if (r.conn == NULL)
        return -1;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, v->err, sql, "b", text_n(id->sha512, sizeof id->sha512)) != 0)
        return -1;
    while (db_next(&q, pool, "ss", &item.package, &item.version)) {
        any = true;
        stock_run_item(v->run, &item);
    }
    item.package = item.version = TEXT_NONE;
    if (!any)
        stock_run_item(v->run, &item);
    return q.failed ? -1 : 0;
}

static int check_bytes(struct verify *v, const struct blob_id *id, uint64_t bytes)
{
    struct blob_id is;
    struct err why;
    auto_close int fd = -1;
    uint64_t size;
    if (blob_open(v->registry->config.blobs, id, &fd, &size, &why) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : blame(v, id, "damaged", (int64_t)bytes, why.text);
    bool whole = hash(v, fd, &is);
    if (!stock_run_goes_on(v->run))
        return 0;
    if (!whole)
        return blame(v, id, "damaged", (int64_t)bytes, "It cannot be read to its end.");
    if (memcmp(is.sha512, id->sha512, sizeof is.sha512) != 0)
        return blame(v, id, "damaged", (int64_t)bytes,
                     "Its bytes are not those that it is named by.");
    return 0;
}

static int check_need(struct verify *v, const struct blob_id *id, uint64_t bytes, int64_t stored_ms)
{
    bool needed = true;
    struct stock_item item = {.what = "orphaned",
                              .blob = id,
                              .bytes = (int64_t)bytes,
                              .text = "Nobody needs it; gc removes it once it is old enough."};
    if (stored_ms > clock_wall_ms() - UNDER_WAY_MS)
        return 0;
    if (blob_is_needed(v->registry->config.blobs, id, &needed, v->err) != 0)
        return -1;
    if (needed)
        return 0;
    stock_run_count(v->run, "orphaned", 1);
    stock_run_item(v->run, &item);
    return 0;
}

static bool look(void *arg, const struct blob_id *id, uint64_t bytes, int64_t stored_ms)
{
    struct verify *v = arg;
    int percent = v->blobs > 0 ? (int)(++v->seen * 90 / v->blobs) : 0;
    if (percent > v->told && percent <= 90) {
        auto_pool struct pool *pool = pool_new();
        v->told = percent;
        stock_run_progress(
            v->run, percent,
            text_printf(pool, "%lld of %lld blobs", (long long)v->seen, (long long)v->blobs));
    }
    stock_run_count(v->run, "bytes", (int64_t)bytes);
    v->failed = check_bytes(v, id, bytes) != 0 || check_need(v, id, bytes, stored_ms) != 0;
    return !v->failed && stock_run_goes_on(v->run);
}

static bool count(void *arg, const struct blob_id *id, uint64_t bytes, int64_t stored_ms)
{
    ++*(int64_t *)arg;
    return true;
}

struct row {
    int64_t id, bytes;
    struct text package, version, sha512, dist, key;
};

static void tell(struct verify *v, const struct row *row, const struct blob_id *id,
                 const char *what, const char *text)
{
    struct stock_item item = {.what = what,
                              .problem = true,
                              .package = row->package,
                              .version = row->version,
                              .blob = id,
                              .bytes = row->bytes,
                              .text = text};
    stock_run_item(v->run, &item);
}

/* The row may have gone, and its blob with it, since it was read. */
static bool is_wanted(struct verify *v, const struct blob_id *id)
{
    bool needed = true;
    (void)blob_is_needed(v->registry->config.blobs, id, &needed, NULL);
    return needed;
}

static void check_row(struct verify *v, struct pool *pool, const struct row *row)
{
    struct blob_id id;
    struct json *dist;
    struct text integrity = TEXT_NONE;
    auto_close int fd = -1;
    uint64_t bytes;
    memcpy(id.sha512, row->sha512.base, sizeof id.sha512);
    if (blob_open(v->registry->config.blobs, &id, &fd, &bytes, NULL) != 0) {
        if (is_wanted(v, &id))
            tell(v, row, &id, "missing", "Its tarball is not in the store.");
    } else if (bytes != (uint64_t)row->bytes)
        tell(v, row, &id, "damaged", "Its tarball has another length than the version says.");
    if (json_read(pool, row->dist, 1000, &dist, NULL) == 0)
        (void)json_want_text(dist, "integrity", &integrity, NULL);
    if (!text_eq(integrity, blob_integrity(pool, &id)))
        tell(v, row, &id, "wrong_integrity", "dist.integrity is not that of its tarball.");
    else if (row->key.base != NULL && v->registry->signing != NULL &&
             !signing_holds(
                 v->registry->signing, pool,
                 text_printf(pool, "%.*s@%.*s", TEXT_ARG(row->package), TEXT_ARG(row->version)),
                 row->dist, row->key))
        tell(v, row, &id, "wrong_signature", "Its signature does not hold.");
}

/* In steps, so that no reader is held for long. *last: where the next begins; -1 at the end. */
static int check_some(struct verify *v, int64_t *last)
{
    static const char sql[] = "SELECT id, package, version, sha512, bytes, dist, key FROM "
                              "package_version WHERE id > ? ORDER BY id LIMIT ?";
    auto_pool struct pool *pool = pool_new();
    struct row row;
    int64_t n = 0;
    auto_read struct db_read r = db_read(v->registry->config.control, v->err);
    if (r.conn == NULL)
        return -1;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, v->err, sql, "ii", *last, (int64_t)ROWS_AT_ONCE) != 0)
        return -1;
    while (db_next(&q, pool, "issbiss", &row.id, &row.package, &row.version, &row.sha512,
                   &row.bytes, &row.dist, &row.key)) {
        n++;
        *last = row.id;
        check_row(v, pool, &row);
    }
    if (q.failed)
        return -1;
    v->versions += n;
    if (n < ROWS_AT_ONCE)
        *last = -1;
    return 0;
}

/* What is kept of uplinks can be fetched again: it is told, and no more. */
static int check_kept(struct verify *v)
{
    static const char sql[] =
        "SELECT name, file, sha512, bytes FROM uplink_tarball UNION ALL "
        "SELECT name, form || ' document', sha512, bytes FROM uplink_document";
    auto_pool struct pool *pool = pool_new();
    struct row row;
    auto_read struct db_read r = db_read(v->registry->config.control, v->err);
    if (r.conn == NULL)
        return -1;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, v->err, sql, "") != 0)
        return -1;
    while (stock_run_goes_on(v->run) &&
           db_next(&q, pool, "ssbi", &row.package, &row.version, &row.sha512, &row.bytes)) {
        struct blob_id id;
        uint64_t bytes;
        auto_close int fd = -1;
        if (row.sha512.len != sizeof id.sha512)
            continue;
        memcpy(id.sha512, row.sha512.base, sizeof id.sha512);
        if ((blob_open(v->registry->config.blobs, &id, &fd, &bytes, NULL) != 0 ||
             bytes != (uint64_t)row.bytes) &&
            is_wanted(v, &id))
            tell(v, &row, &id, "missing", "A copy of a public package is not in the store.");
    }
    return q.failed ? -1 : 0;
}

int stock_verify(struct stock_run *run, struct err *err)
{
    auto_free unsigned char *piece = xmalloc(PIECE);
    struct verify v = {.run = run, .registry = stock_run_registry(run), .piece = piece, .err = err};
    int64_t last = 0;
    if (blobs_each(v.registry->config.blobs, count, &v.blobs, err) != 0 ||
        blobs_each(v.registry->config.blobs, look, &v, err) != 0 || v.failed)
        return -1;
    stock_run_progress(run, 90, TEXT("versions"));
    while (last >= 0 && stock_run_goes_on(run)) {
        int64_t began = clock_mono_ms();
        if (check_some(&v, &last) != 0)
            return -1;
        give_way(began);
    }
    if (check_kept(&v) != 0)
        return -1;
    stock_run_count(run, "blobs", v.seen);
    stock_run_count(run, "versions", v.versions);
    stock_run_progress(run, 100, TEXT("all was looked at"));
    return 0;
}
