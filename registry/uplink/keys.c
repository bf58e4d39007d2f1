#include "registry/uplink/keys.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/uplink/flight.h"
#include "registry/uplink/part.h"
#include "registry/uplink/send.h"

#define DEADLINE_MS 15000 /* for all of them together */
#define FRESH_MS (60 * 60 * 1000)
#define DOWN_MS 60000
#define MAX_KEYS 50
#define MAX_BYTES ((size_t)256 << 10)

static void put_key(struct json_writer *w, const struct json *key)
{
    static const char *const members[] = {"expires", "keyid", "keytype", "scheme", "key"};
    json_open(w);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        json_put_text(w, members[i], json_get(key, members[i])->text);
    json_close(w);
}

/* Known members alone, all texts, but that expires may be null. */
static bool is_key(const struct json *key)
{
    static const char *const members[] = {"keyid", "keytype", "scheme", "key"};
    const struct json *expires = json_get(key, "expires");
    if (expires == NULL || (expires->type != JSON_NULL && expires->type != JSON_STRING))
        return false;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *member = json_get(key, members[i]);
        if (member == NULL || member->type != JSON_STRING || member->text.len > 1000)
            return false;
    }
    return true;
}

/* The array of the answer's keys as text; absent when it is none. */
static struct text read_keys(struct pool *pool, struct text body)
{
    struct json *doc;
    struct json_writer w;
    unsigned n = 0;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_BYTES);
    json_writer_init(&w, &out);
    if (json_read(pool, body, 10000, &doc, NULL) != 0)
        return TEXT_NONE;
    const struct json *keys = json_get(doc, "keys");
    if (keys == NULL || keys->type != JSON_ARRAY)
        return TEXT_NONE;
    json_open_array(&w);
    json_each (key, keys)
        if (is_key(key) && n++ < MAX_KEYS)
            put_key(&w, key);
    json_close_array(&w);
    return buf_take(&out, pool);
}

static int keep(struct uplinks *us, const struct uplink *u, struct text keys)
{
    static const char sql[] =
        "INSERT INTO uplink_keys (url, keys, fetched_at) VALUES (?, ?, ?) ON CONFLICT (url) DO "
        "UPDATE SET keys = excluded.keys, fetched_at = excluded.fetched_at";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, us->config.control, NULL) != 0 ||
        db_do(tx.conn, NULL, sql, "zsi", u->url, keys, clock_wall_ms()) < 0)
        return -1;
    return db_commit(&tx, NULL);
}

/* 404 is an answer: it signs nothing. */
static void ask(struct uplinks *us, const struct uplink *u, struct pool *pool, struct text flight,
                int64_t deadline_at)
{
    struct fetch_reply reply;
    struct text keys = TEXT_NONE;
    int64_t rest_ms;
    struct uplink_question q = {.url = pool_printf(pool, "%s/-/npm/v1/keys", u->url),
                                .deadline_at = deadline_at,
                                .max_bytes = MAX_BYTES};
    if (!u->offline && uplink_send(us, u, &q, pool, &reply, &rest_ms, NULL) == 0)
        keys = reply.status == 200   ? read_keys(pool, reply.body)
               : reply.status == 404 ? TEXT("[]")
                                     : TEXT_NONE;
    bool kept = keys.base != NULL && keep(us, u, keys) == 0;
    flights_land(us->flights, flight, kept ? FLIGHT_FRESH : FLIGHT_DOWN,
                 clock_mono_ms() + (kept ? FRESH_MS : DOWN_MS), 0);
}

static int put_keys(struct uplinks *us, const struct uplink *u, struct pool *pool,
                    struct json_writer *w, int64_t deadline_at, struct err *err)
{
    static const char sql[] = "SELECT keys FROM uplink_keys WHERE url = ?";
    /* No package is called so. */
    struct text keys, flight = text_printf(pool, "-/npm/v1/keys %s", u->name);
    struct json *list;
    bool waited;
    int64_t left_ms = deadline_at - clock_mono_ms();
    if (left_ms > 0 && flights_board(us->flights, flight, left_ms, &waited) == FLIGHT_YOURS)
        ask(us, u, pool, flight, deadline_at);
    auto_read struct db_read r = db_read(us->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, pool, NULL, sql, "z", "s", u->url, &keys) != 0)
        return 0;
    if (json_read(pool, keys, 10000, &list, err) != 0)
        return -1;
    json_each (key, list)
        json_raw(w, key->raw);
    return 0;
}

int uplinks_put_keys(struct uplinks *uplinks, struct pool *pool, struct json_writer *w,
                     struct err *err)
{
    struct uplink_table *table = uplinks_table(uplinks);
    int64_t deadline_at = clock_mono_ms() + DEADLINE_MS;
    int failed = 0;
    for (size_t i = 0; i < table->n && failed == 0; i++)
        if (table->all[i].url != NULL)
            failed = put_keys(uplinks, &table->all[i], pool, w, deadline_at, err);
    snapshot_drop(&table->base);
    return failed;
}
