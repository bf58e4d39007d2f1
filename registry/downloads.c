#include "registry/downloads.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/pool.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 4096
#define MOST_NAMES 20000 /* of one flush */
#define KEPT_DAYS 400
#define DAY_MS (24 * 3600 * (int64_t)1000)

struct count {
    struct count *next;
    uint64_t hash;
    int64_t n;
    size_t package; /* length; the version follows it */
    size_t version;
    char names[];
};

struct downloads {
    struct db *control;
    pthread_mutex_t lock;
    struct count *buckets[BUCKETS];
    size_t n;
    int64_t cleaned; /* day */
};

int64_t downloads_today(void)
{
    return clock_wall_ms() / DAY_MS;
}

struct downloads *downloads_new(struct db *control)
{
    struct downloads *d = xcalloc(1, sizeof *d);

    d->control = control;
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

static void drop_all(struct count **buckets)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (buckets[i] != NULL) {
            struct count *next = buckets[i]->next;
            free(buckets[i]);
            buckets[i] = next;
        }
}

void downloads_free(struct downloads *d)
{
    if (d == NULL)
        return;
    drop_all(d->buckets);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static bool is_count(const struct count *c, uint64_t hash, struct text package, struct text version)
{
    return c->hash == hash && c->package == package.len && c->version == version.len &&
           memcmp(c->names, package.base, package.len) == 0 &&
           memcmp(c->names + package.len, version.base, version.len) == 0;
}

static struct count *new_count(uint64_t hash, struct text package, struct text version)
{
    struct count *c = xcalloc(1, sizeof *c + package.len + version.len);

    c->hash = hash;
    c->package = package.len;
    c->version = version.len;
    memcpy(c->names, package.base, package.len);
    memcpy(c->names + package.len, version.base, version.len);
    return c;
}

void downloads_count(struct downloads *d, struct text package, struct text version)
{
    if (package.len == 0 || version.len == 0)
        return;
    uint64_t hash = text_hash(package) * 31 + text_hash(version);
    struct count **slot = &d->buckets[hash % BUCKETS];

    pthread_mutex_lock(&d->lock);
    struct count *c = *slot;
    while (c != NULL && !is_count(c, hash, package, version))
        c = c->next;
    if (c == NULL && d->n < MOST_NAMES) {
        c = new_count(hash, package, version);
        c->next = *slot;
        *slot = c;
        d->n++;
    }
    if (c != NULL)
        c->n++;
    pthread_mutex_unlock(&d->lock);
}

static int write_counts(struct db_conn *conn, struct count **buckets, int64_t day, struct err *err)
{
    static const char sql[] =
        "INSERT INTO package_download (package, version, day, count) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (package, day, version) DO UPDATE SET count = count + excluded.count";

    /* What searches rank by: 1,000 downloads of a month are as popular as can be. */
    static const char popular_sql[] =
        "UPDATE package_search SET popularity = min(1000, CAST(100 * log2(1 + (SELECT "
        "coalesce(sum(count), 0) FROM package_download WHERE package = ?1 AND day > ?2)) AS "
        "INTEGER)) WHERE package = ?1";

    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct count *c = buckets[i]; c != NULL; c = c->next)
            if (db_do(conn, err, sql, "ssii", text_n(c->names, c->package),
                      text_n(c->names + c->package, c->version), day, c->n) < 0 ||
                db_do(conn, err, popular_sql, "si", text_n(c->names, c->package), day - 30) < 0)
                return -1;
    return 0;
}

static int clean(struct downloads *d, struct db_conn *conn, int64_t day, struct err *err)
{
    static const char sql[] = "DELETE FROM package_download WHERE day < ?";

    if (d->cleaned == day)
        return 0;
    d->cleaned = day;
    return db_do(conn, err, sql, "i", day - KEPT_DAYS) < 0 ? -1 : 0;
}

static int write_all(struct downloads *d, struct count **buckets, struct err *err)
{
    int64_t day = downloads_today();
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, d->control, err) != 0 || write_counts(tx.conn, buckets, day, err) != 0 ||
        clean(d, tx.conn, day, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

int downloads_flush(struct downloads *d, struct err *err)
{
    struct count **taken = xcalloc(BUCKETS, sizeof(struct count *));
    int failed = 0;

    pthread_mutex_lock(&d->lock);
    size_t n = d->n;
    if (n > 0) {
        memcpy(taken, d->buckets, sizeof d->buckets);
        memset(d->buckets, 0, sizeof d->buckets);
        d->n = 0;
    }
    pthread_mutex_unlock(&d->lock);
    if (n > 0)
        failed = write_all(d, taken, err);
    drop_all(taken);
    free(taken);
    return failed;
}
