#include "tests/unit/registry/world.h"

#include "core/clock.h"
#include "http/events.h"
#include "http/operation.h"
#include "registry/stock/stock.h"

#include <stdatomic.h>
#include <unistd.h>

/* gc removes what nobody asks for: a table that is not in needs_blob (registry.c) loses its blobs.
 */
static void every_table_that_names_blobs_is_asked_or_known_not_to_need_them(void **state)
{
    static const char sql[] =
        "SELECT m.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c WHERE m.type = "
        "'table' AND c.name = 'sha512' AND m.name NOT IN ("
        "'package_version', 'package_attestation', 'move_version', 'stage', 'uplink_document', "
        "'uplink_tarball', " /* asked
                              */
        "'package_tombstone')" /* only says which bytes may come again */;
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct err err;
    struct text table = TEXT_NONE;
    auto_read struct db_read r = db_read(w->db, &err);

    if (db_get(r.conn, pool, &err, sql, "", "s", &table) == 0)
        fail_msg("%.*s has blobs that gc would remove", TEXT_ARG(table));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
}

static bool needs(struct world *w, struct text sum)
{
    struct blob_id id;
    bool needed = false;
    struct err err;

    memcpy(id.sha512, sum.base, sizeof id.sha512);
    assert_works(blob_is_needed(w->blobs, &id, &needed, &err), err);
    return needed;
}

static void a_blob_is_needed_as_long_as_its_version_is_there(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;
    struct text tarball = world_tarball(pool, "@acme/a", "1.0.0", NULL);
    unsigned char sum[SHA512_BYTES];

    sha512(tarball, sum);
    assert_false(needs(w, text_n(sum, sizeof sum)));
    assert_works(world_put(w, pool, &ada, "@acme/a",
                           world_document(pool, "@acme/a", "1.0.0", "latest", tarball), &err),
                 err);
    assert_true(needs(w, text_n(sum, sizeof sum)));
    struct change c = world_change(w, pool, &ada, w->acme, "@acme/a");
    assert_works(change_remove(&c, TEXT_NONE, &err), err);
    assert_false(needs(w, text_n(sum, sizeof sum)));
}

static int64_t number(struct world *w, const char *sql)
{
    int64_t n = -1;
    struct err err;
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(db_get(r.conn, w->pool, &err, sql, "", "i", &n), err);
    return n;
}

/* daily NULL: nothing is asked for meanwhile. */
static void wait_for(struct world *w, struct stock *daily, const char *sql, int64_t wanted)
{
    int64_t end = clock_mono_ms() + 20000;
    while (number(w, sql) != wanted && clock_mono_ms() < end) {
        if (daily != NULL)
            stock_daily(daily);
        usleep(5000);
    }
    assert_int_equal(number(w, sql), wanted);
}

#define BEGUN "SELECT count(*) FROM operation"
#define RUNNING BEGUN " WHERE state = 'running'"

/* Somebody who takes long to say whether a blob is needed. */
struct slow {
    atomic_bool asked, go_on;
};

static int answer_late(void *arg, const struct blob_id *id, bool *needed, struct err *err)
{
    struct slow *slow = arg;
    atomic_store(&slow->asked, true);
    while (!atomic_load(&slow->go_on))
        usleep(1000);
    *needed = true;
    return 0;
}

static struct stock *open_stock(struct world *w, struct events **events)
{
    struct err err;
    *events = events_new();
    w->registry->config.operations = operations_open(w->db, *events, &err);
    assert_non_null(w->registry->config.operations);
    return stock_open(w->registry);
}

static void close_stock(struct world *w, struct stock *stock, struct events *events)
{
    stock_close(stock);
    operations_close(w->registry->config.operations);
    events_free(events);
}

static void what_is_due_daily_waits_until_nothing_runs(void **state)
{
    struct world *w = *state;
    struct slow slow = {false, false};
    struct events *events;
    struct stock *stock = open_stock(w, &events);
    struct stock_spec spec = {.kind = STOCK_GC};
    struct blob_id blob;
    char operation[27];
    struct err err;

    assert_works(blob_put(w->blobs, TEXT("nobody's"), &blob, &err), err);
    usleep(20000); /* gc takes what is older than now */
    blobs_ask(w->blobs, answer_late, &slow);
    assert_works(stock_begin(stock, &spec, operation, &err), err);
    while (!atomic_load(&slow.asked))
        usleep(1000);
    for (int i = 0; i < 10; i++)
        stock_daily(stock);
    wait_for(w, NULL, BEGUN, 1);
    atomic_store(&slow.go_on, true);
    wait_for(w, NULL, RUNNING, 0);
    wait_for(w, stock, BEGUN " WHERE kind = 'registry.retention'", 1);
    wait_for(w, NULL, RUNNING, 0);
    close_stock(w, stock, events);
}

static void a_run_of_one_tenant_or_a_dry_one_is_not_the_daily_one(void **state)
{
    struct world *w = *state;
    struct events *events;
    struct stock *stock = open_stock(w, &events);
    const struct stock_spec specs[] = {{.kind = STOCK_RETENTION, .tenant = w->acme},
                                       {.kind = STOCK_GC, .dry_run = true}};
    char operation[27];
    struct err err;

    for (size_t i = 0; i < 2; i++)
        assert_works(stock_begin(stock, &specs[i], operation, &err), err);
    wait_for(w, NULL, RUNNING, 0);
    wait_for(w, NULL, "SELECT count(*) FROM stock_report WHERE ended_at = 0", 2);
    wait_for(w, stock, BEGUN, 4);
    wait_for(w, NULL, RUNNING, 0);
    wait_for(w, NULL, "SELECT count(*) FROM stock_report WHERE ended_at > 0", 2);
    world_sql(w, "UPDATE stock_report SET ended_at = 7");
    assert_works(stock_begin(stock, &specs[0], operation, &err), err);
    wait_for(w, NULL, RUNNING, 0);
    wait_for(w, NULL, "SELECT count(*) FROM stock_report WHERE ended_at = 7", 2);
    close_stock(w, stock, events);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
static const struct CMUnitTest tests[] = {
    TEST(every_table_that_names_blobs_is_asked_or_known_not_to_need_them),
    TEST(a_blob_is_needed_as_long_as_its_version_is_there),
    TEST(what_is_due_daily_waits_until_nothing_runs),
    TEST(a_run_of_one_tenant_or_a_dry_one_is_not_the_daily_one),
};
UNIT_MAIN(tests)
