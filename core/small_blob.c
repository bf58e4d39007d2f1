#include "core/small_blob.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/embedded.h"
#include "core/err.h"
#include "core/pool.h"

extern const struct embedded core_sql[];

#define READERS 2
#define AT_ONCE 500

static struct text name_of(const struct blob_id *id)
{
    return text_n(id->sha512, sizeof id->sha512);
}

struct db *small_blobs_open(const char *path, struct err *err)
{
    static const struct db_schema schemas[] = {{"blobs", core_sql}, {NULL, NULL}};
    struct db_config config = {.path = path, .schemas = schemas, .readers = READERS};

    return db_open(&config, err);
}

int small_blob_put(struct db *db, const struct blob_id *id, struct text content, struct err *err)
{
    static const char sql[] =
        "INSERT INTO small_blob (sha512, stored_at, content) VALUES (?, ?, ?) ON CONFLICT (sha512) "
        "DO UPDATE SET content = excluded.content WHERE content IS NOT excluded.content";
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, db, err) != 0 || db_do(tx.conn, err, sql, "bib", name_of(id), clock_wall_ms(),
                                             content.len > 0 ? content : TEXT("")) < 0)
        return -1;
    return db_commit(&tx, err);
}

int small_blob_get(struct db *db, const struct blob_id *id, struct pool *pool, struct text *content,
                   struct err *err)
{
    static const char sql[] = "SELECT content FROM small_blob WHERE sha512 = ?";
    auto_read struct db_read r = db_read(db, err);

    return r.conn == NULL ? -1 : db_get(r.conn, pool, err, sql, "b", "b", name_of(id), content);
}

struct found {
    struct blob_id id;
    int64_t bytes, stored_ms;
};

/* The next of them after *last, which goes on; how many, or -1. */
static int find_some(struct db *db, int64_t *last, struct found found[AT_ONCE], struct err *err)
{
    static const char sql[] = "SELECT id, sha512, stored_at, length(content) FROM small_blob "
                              "WHERE id > ? ORDER BY id LIMIT ?";
    auto_pool struct pool *pool = pool_new();
    struct text name;
    int n = 0;
    auto_read struct db_read r = db_read(db, err);
    if (r.conn == NULL)
        return -1;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, err, sql, "ii", *last, (int64_t)AT_ONCE) != 0)
        return -1;
    while (db_next(&q, pool, "ibii", last, &name, &found[n].stored_ms, &found[n].bytes))
        memcpy(found[n++].id.sha512, name.base, SHA512_BYTES);
    return q.failed ? -1 : n;
}

int small_blobs_each(struct db *db, blob_each fn, void *arg, bool *over, struct err *err)
{
    auto_free struct found *found = xcalloc(AT_ONCE, sizeof *found);
    int64_t last = 0;
    int n;

    do {
        n = find_some(db, &last, found, err);
        for (int i = 0; i < n && !*over; i++)
            *over = !fn(arg, &found[i].id, (uint64_t)found[i].bytes, found[i].stored_ms);
    } while (n == AT_ONCE && !*over);
    return n < 0 ? -1 : 0;
}

int small_blob_remove(struct db *db, const struct blob_id *id, struct err *err)
{
    static const char sql[] = "DELETE FROM small_blob WHERE sha512 = ?";
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, db, err) != 0 || db_do(tx.conn, err, sql, "b", name_of(id)) < 0)
        return -1;
    return db_commit(&tx, err);
}
