#include "registry/uplink/store.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/uplink/flight.h"
#include "registry/uplink/part.h"

#define USED_STEP_MS (10 * 60 * 1000) /* that something was used is noted no finer */
#define EVICT_ROWS 500                /* at once */

const char *const store_forms[] = {
    [PACKUMENT_FULL] = "full", [PACKUMENT_ABBREVIATED] = "abbreviated"};

static bool take(struct text sum, struct stored *out)
{
    if (sum.len != sizeof out->id.sha512)
        return false;
    memcpy(out->id.sha512, sum.base, sum.len);
    return true;
}

bool store_find_document(struct uplinks *uplinks, struct pool *pool, const char *uplink,
                         struct text name, enum packument_form form, struct stored *out)
{
    static const char sql[] = "SELECT etag, sha512, checked_at, kept FROM uplink_document "
                              "WHERE name = ? AND form = ? AND uplink = ?";
    struct text sum;
    int64_t kept;
    auto_read struct db_read r = db_read(uplinks->config.control, NULL);
    if (r.conn == NULL || db_get(r.conn, pool, NULL, sql, "szz", "sbii", name, store_forms[form],
                                 uplink, &out->etag, &sum, &out->checked_ms, &kept) != 0)
        return false;
    out->kept = kept != 0;
    return take(sum, out);
}

bool store_find_tarball(struct uplinks *uplinks, struct pool *pool, const char *uplink,
                        struct text name, struct text file, struct stored *out)
{
    static const char sql[] =
        "SELECT sha512, kept FROM uplink_tarball WHERE name = ? AND file = ? AND uplink = ?";
    struct text sum;
    int64_t kept;
    auto_read struct db_read r = db_read(uplinks->config.control, NULL);
    if (r.conn == NULL ||
        db_get(r.conn, pool, NULL, sql, "ssz", "bi", name, file, uplink, &sum, &kept) != 0)
        return false;
    out->kept = kept != 0;
    return take(sum, out);
}

static int insert_document(struct uplinks *u, struct pool *pool, const struct store_document *d,
                           struct blob_id *id, struct text *before, struct err *err)
{
    static const char old_sql[] = "SELECT sha512 FROM uplink_document WHERE name = ? AND form = ?";
    static const char sql[] =
        "INSERT OR REPLACE INTO uplink_document (name, form, etag, sha512, bytes, fetched_at, "
        "uplink, checked_at, used_at, kept) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?6, ?8)";
    int64_t now = clock_wall_ms();
    auto_hold struct blobs *held = blobs_hold(u->config.blobs);
    if (blob_put(held, d->body, id, err) != 0)
        return -1;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, u->config.control, err) != 0)
        return -1;
    if (db_get(tx.conn, pool, NULL, old_sql, "sz", "b", d->name, store_forms[d->form], before) != 0)
        *before = TEXT_NONE;
    if (db_do(tx.conn, err, sql, "szsbiizi", d->name, store_forms[d->form], d->etag,
              text_n(id->sha512, sizeof id->sha512), (int64_t)d->body.len, now, d->uplink,
              (int64_t)d->kept) < 0)
        return -1;
    return db_commit(&tx, err);
}

int store_put_document(struct uplinks *uplinks, struct pool *pool, const struct store_document *d,
                       struct err *err)
{
    struct blob_id id, old;
    struct text before = TEXT_NONE;
    if (insert_document(uplinks, pool, d, &id, &before, err) != 0)
        return -1;
    atomic_store(&uplinks->stored, true);
    if (before.len == sizeof old.sha512 && memcmp(before.base, id.sha512, before.len) != 0) {
        memcpy(old.sha512, before.base, before.len);
        (void)blob_remove(uplinks->config.blobs, &old, NULL);
    }
    return 0;
}

int store_confirm_document(struct uplinks *uplinks, struct text name, enum packument_form form,
                           struct err *err)
{
    static const char sql[] =
        "UPDATE uplink_document SET checked_at = ? WHERE name = ? AND form = ?";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, uplinks->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "isz", clock_wall_ms(), name, store_forms[form]) < 0)
        return -1;
    return db_commit(&tx, err);
}

int store_put_tarball(struct uplinks *uplinks, const char *uplink, struct text name,
                      struct text file, struct text tarball, bool kept, struct err *err)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO uplink_tarball (name, file, sha512, bytes, fetched_at, used_at, "
        "uplink, kept) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)";
    struct blob_id id;
    auto_hold struct blobs *held = blobs_hold(uplinks->config.blobs);
    if (blob_put(held, tarball, &id, err) != 0)
        return -1;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, uplinks->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "ssbiizi", name, file, text_n(id.sha512, sizeof id.sha512),
              (int64_t)tarball.len, clock_wall_ms(), uplink, (int64_t)kept) < 0)
        return -1;
    atomic_store(&uplinks->stored, true);
    return db_commit(&tx, err);
}

int store_sum(struct uplinks *uplinks, struct pool *pool, struct store_sums *out, struct err *err)
{
    static const char sql[] =
        "SELECT d.n, t.n, d.bytes + t.bytes, d.kept + t.kept FROM "
        "(SELECT count(*) AS n, coalesce(sum(bytes), 0) AS bytes, coalesce(sum(bytes * kept), 0) "
        "AS kept FROM uplink_document) AS d, "
        "(SELECT count(*) AS n, coalesce(sum(bytes), 0) AS bytes, coalesce(sum(bytes * kept), 0) "
        "AS kept FROM uplink_tarball) AS t";
    auto_read struct db_read r = db_read(uplinks->config.control, err);
    return r.conn != NULL ? db_get(r.conn, pool, err, sql, "", "iiii", &out->documents,
                                   &out->tarballs, &out->bytes, &out->kept_bytes)
                          : -1;
}

/* "NAME full", "NAME abbreviated" or "NAME tarball FILE", as flights know them. */
struct used {
    struct used *next;
    struct text name, what, file;
};
struct used_list {
    struct pool *pool;
    struct used *first;
};

static void collect(void *arg, struct text key)
{
    struct used_list *list = arg;
    struct used *u = pool_zalloc(list->pool, sizeof *u);
    struct text rest = text_dup(list->pool, key);
    if (!text_cut(&rest, ' ', &u->name) || !text_cut(&rest, ' ', &u->what))
        return;
    u->file = rest;
    u->next = list->first;
    list->first = u;
}

int store_note_used(struct uplinks *uplinks, struct err *err)
{
    static const char document_sql[] =
        "UPDATE uplink_document SET used_at = ?1 WHERE name = ?2 AND form = ?3 AND used_at < ?4";
    static const char tarball_sql[] =
        "UPDATE uplink_tarball SET used_at = ?1 WHERE name = ?2 AND file = ?3 AND used_at < ?4";
    auto_pool struct pool *pool = pool_new();
    struct used_list list = {pool, NULL};
    int64_t now = clock_wall_ms();
    flights_used(uplinks->flights, collect, &list);
    if (list.first == NULL)
        return 0;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, uplinks->config.control, err) != 0)
        return -1;
    for (struct used *u = list.first; u != NULL; u = u->next) {
        int rows = text_is(u->what, "tarball") ? db_do(tx.conn, err, tarball_sql, "issi", now,
                                                       u->name, u->file, now - USED_STEP_MS)
                                               : db_do(tx.conn, err, document_sql, "issi", now,
                                                       u->name, u->what, now - USED_STEP_MS);
        if (rows < 0)
            return -1;
    }
    return db_commit(&tx, err);
}

struct gone {
    struct gone *next;
    struct text name, what; /* what: the form or the file */
    bool tarball;
    struct blob_id id;
};

/* The oldest rows that together hold at least so many bytes, or EVICT_ROWS of them. */
static int pick(struct uplinks *u, struct pool *pool, int64_t bytes, struct gone **out,
                struct err *err)
{
    static const char sql[] =
        "SELECT 0, name, form, sha512, bytes, used_at FROM uplink_document WHERE kept = 0 "
        "UNION ALL SELECT 1, name, file, sha512, bytes, used_at FROM uplink_tarball WHERE kept = 0 "
        "ORDER BY 6 LIMIT ?";
    int64_t tarball, size, used;
    struct text name, what, sum;
    auto_read struct db_read r = db_read(u->config.control, err);
    if (r.conn == NULL)
        return -1;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, err, sql, "i", (int64_t)EVICT_ROWS) != 0)
        return -1;
    while (bytes > 0 && db_next(&q, pool, "issbii", &tarball, &name, &what, &sum, &size, &used)) {
        struct gone *g = pool_zalloc(pool, sizeof *g);
        *g = (struct gone){*out, name, what, tarball != 0, {{0}}};
        if (sum.len == sizeof g->id.sha512)
            memcpy(g->id.sha512, sum.base, sum.len);
        *out = g;
        bytes -= size;
    }
    return q.failed ? -1 : 0;
}

static int drop(struct uplinks *u, struct gone *gone, int *n, struct err *err)
{
    static const char served_sql[] =
        "INSERT OR IGNORE INTO uplink_served (name, uplink) SELECT name, uplink FROM "
        "uplink_document WHERE name = ?1 UNION SELECT name, uplink FROM uplink_tarball WHERE name "
        "= ?1";
    static const char document_sql[] =
        "DELETE FROM uplink_document WHERE name = ? AND form = ? AND sha512 = ?";
    static const char tarball_sql[] =
        "DELETE FROM uplink_tarball WHERE name = ? AND file = ? AND sha512 = ?";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, u->config.control, err) != 0)
        return -1;
    for (struct gone *g = gone; g != NULL; g = g->next, ++*n)
        if (db_do(tx.conn, err, served_sql, "s", g->name) < 0 ||
            db_do(tx.conn, err, g->tarball ? tarball_sql : document_sql, "ssb", g->name, g->what,
                  text_n(g->id.sha512, sizeof g->id.sha512)) < 0)
            return -1;
    return db_commit(&tx, err);
}

int store_evict(struct uplinks *uplinks, struct err *err)
{
    int n = 0;
    while (uplinks->config.cache_bytes > 0 && !atomic_load(&uplinks->closing)) {
        auto_pool struct pool *pool = pool_new();
        struct store_sums sums;
        struct gone *gone = NULL;
        if (store_sum(uplinks, pool, &sums, err) != 0)
            return -1;
        /* To nine tenths, so that not every minute has to. */
        int64_t most = uplinks->config.cache_bytes, held = sums.bytes - sums.kept_bytes;
        if (n == 0 && held <= most)
            return 0;
        if (held <= most - most / 10)
            break;
        if (pick(uplinks, pool, held - (most - most / 10), &gone, err) != 0 ||
            drop(uplinks, gone, &n, err) != 0)
            return -1;
        for (struct gone *g = gone; g != NULL; g = g->next) {
            if (!g->tarball)
                uplinks_forget(uplinks, g->name);
            (void)blob_remove(uplinks->config.blobs, &g->id, NULL);
        }
        if (gone == NULL)
            break;
    }
    return n;
}
