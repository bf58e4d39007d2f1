#include "tests/unit/registry/world.h"

#include "core/clock.h"
#include "registry/hook/hook.h"

#include <unistd.h>

#define NAME "@acme/red-hello"
/* Nobody listens there. */
#define NOWHERE "http://127.0.0.1:1/"

static void write_row(struct world *w, const char *sql, struct text a)
{
    struct err err;
    auto_tx struct db_tx tx = {0};
    assert_works(db_begin(&tx, w->db, &err), err);
    assert_true(db_do(tx.conn, &err, sql, "s", a) >= 0);
    assert_works(db_commit(&tx, &err), err);
}

static int64_t count(struct world *w, struct pool *pool, const char *sql)
{
    struct err err;
    int64_t n;
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(db_get(r.conn, pool, &err, sql, "", "i", &n), err);
    return n;
}

/* What is counted as deliveries come and go is what is there. */
static void check_counted(struct world *w, struct pool *pool)
{
    assert_int_equal(
        count(w, pool,
              "SELECT count(*) FROM hook AS h WHERE waiting <> (SELECT count(*) FROM hook_delivery "
              "AS d WHERE d.hook = h.id AND d.state = 'waiting')"),
        0);
}

static struct text cause(struct world *w, struct pool *pool)
{
    struct err err;
    struct text t;
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(db_get(r.conn, pool, &err, "SELECT cause FROM hook", "", "s", &t), err);
    return t;
}

/* acme's, told of everything. */
static void make_hook(struct world *w, struct pool *pool)
{
    static const char sql[] =
        "INSERT INTO hook (id, tenant, url, events, secret, active, created_by, created_at) SELECT "
        "'h', id, '" NOWHERE "', '[\"publish\",\"tag\"]', ?1, 1, 'ada', 1 FROM tenant WHERE slug = "
        "'acme'";
    write_row(w, sql, seal_put(w->seal, pool, hook_purpose(pool, TEXT("h")), TEXT("secret")));
}

static void a_change_that_is_not_kept_is_not_told(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL),
                    bob = world_who(w, pool, w->bob, SCOPE_ALL);
    struct err err;

    make_hook(w, pool);
    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err);
    assert_int_equal(count(w, pool, "SELECT count(*) FROM hook_delivery"), 1);
    assert_int_equal(world_publish(w, pool, &ada, NAME, "1.0.0", &err), 0); /* the same again */
    struct change c = world_change(w, pool, &ada, w->acme, NAME);
    assert_int_equal(change_set_tag(&c, TEXT("next"), TEXT("9.9.9"), &err), -1);
    assert_works(world_publish(w, pool, &bob, "@beta/x", "1.0.0", &err), err);
    assert_int_equal(count(w, pool, "SELECT count(*) FROM hook_delivery"), 1);
    assert_works(change_set_tag(&c, TEXT("next"), TEXT("1.0.0"), &err), err);
    assert_int_equal(count(w, pool, "SELECT count(*) FROM hook_delivery WHERE event = 'tag'"), 1);
    assert_int_equal(count(w, pool, "SELECT waiting FROM hook"), 2);
    write_row(w, "DELETE FROM hook_delivery WHERE event = ?", TEXT("tag"));
    check_counted(w, pool);
}

static void a_queue_without_an_end_switches_the_hook_off(void **state)
{
    static const char sql[] =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT "
        "INTO hook_delivery (id, hook, event, body, state, created_at, next_at) SELECT ?1 || i, "
        "'h', 'publish', '{}', 'waiting', 1, 1 FROM n";
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;

    make_hook(w, pool);
    write_row(w, sql, TEXT("d"));
    assert_int_equal(count(w, pool, "SELECT waiting FROM hook"), 5000);
    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err);
    assert_int_equal(count(w, pool, "SELECT active FROM hook"), 0);
    assert_true(text_starts(cause(w, pool), "Too many deliveries waited"));
    assert_int_equal(count(w, pool, "SELECT count(*) FROM hook_delivery WHERE state = 'waiting'"),
                     0);
    check_counted(w, pool);
}

static void wait_for(struct world *w, const char *sql, int64_t wanted)
{
    auto_pool struct pool *pool = pool_new();
    int64_t end = clock_mono_ms() + 20000;
    while (count(w, pool, sql) != wanted && clock_mono_ms() < end)
        usleep(20000);
    assert_int_equal(count(w, pool, sql), wanted);
}

static struct hooks *start(struct world *w)
{
    struct err err;
    struct hooks_config config = {
        .control = w->db, .seal = w->seal, .allow_private = true, .retry_ms = 60000};
    struct hooks *hooks = hooks_start(&config, &err);
    assert_non_null(hooks);
    return hooks;
}

static void who_is_away_for_days_is_switched_off_with_the_cause(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;

    make_hook(w, pool);
    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err);
    struct hooks *hooks = start(w);
    wait_for(w, "SELECT failing_since IS NOT NULL FROM hook", 1);
    assert_int_equal(count(w, pool, "SELECT active FROM hook"), 1);
    assert_int_equal(
        count(w, pool,
              "SELECT count(*) FROM hook_delivery WHERE state = 'waiting' AND attempts = "
              "1 AND next_at > created_at + 40000"),
        1);
    write_row(w, "UPDATE hook SET failing_since = failing_since - 260000000 WHERE id = ?",
              TEXT("h"));
    write_row(w, "UPDATE hook_delivery SET next_at = 1 WHERE hook = ?", TEXT("h"));
    hooks_wake(hooks);
    wait_for(w, "SELECT active FROM hook", 0);
    assert_true(text_starts(cause(w, pool), "Switched off: no delivery succeeded for three days."));
    wait_for(w, "SELECT count(*) FROM hook_delivery WHERE state = 'failed'", 1);
    hooks_stop(hooks);
    check_counted(w, pool);
}

static void what_could_not_be_delivered_for_a_day_has_failed_and_old_ones_go(void **state)
{
    static const char sql[] =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT "
        "INTO hook_delivery (id, hook, event, body, state, created_at, next_at) SELECT '0' || i, "
        "?1, 'publish', '{}', 'done', 1, 1 FROM n";
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;

    make_hook(w, pool);
    write_row(w, sql, TEXT("h"));
    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err);
    write_row(w,
              "UPDATE hook_delivery SET created_at = created_at - 86400000 WHERE hook = ? AND "
              "state = 'waiting'",
              TEXT("h"));
    struct hooks *hooks = start(w);
    wait_for(w, "SELECT count(*) FROM hook_delivery WHERE state = 'failed'", 1);
    hooks_stop(hooks);
    check_counted(w, pool);
    assert_int_equal(count(w, pool, "SELECT count(*) FROM hook_delivery"), HOOK_KEPT);
}

static void a_hook_goes_with_its_tenant(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();

    make_hook(w, pool);
    write_row(w, "DELETE FROM tenant WHERE id = ?", text_of(w->acme));
    assert_int_equal(count(w, pool, "SELECT count(*) FROM hook"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
static const struct CMUnitTest tests[] = {
    TEST(a_change_that_is_not_kept_is_not_told),
    TEST(a_queue_without_an_end_switches_the_hook_off),
    TEST(who_is_away_for_days_is_switched_off_with_the_cause),
    TEST(what_could_not_be_delivered_for_a_day_has_failed_and_old_ones_go),
    TEST(a_hook_goes_with_its_tenant),
};
UNIT_MAIN(tests)
