/* What is kept of uplinks, and what goes when that is too much. */
#include "tests/unit/registry/world.h"

#include "core/clock.h"
#include "registry/area.h"
#include "registry/claim.h"
#include "registry/uplink/flight.h"
#include "registry/uplink/part.h"
#include "registry/uplink/store.h"

#include <unistd.h>

static struct text fill(struct pool *pool, char c, size_t n)
{
    char *p = pool_alloc(pool, n);
    memset(p, c, n);
    return text_n(p, n);
}

static void put(struct world *w, const char *file, char c, bool kept)
{
    struct err err;
    assert_works(store_put_tarball(w->registry->uplinks, "default", TEXT("a"), text_of(file),
                                   fill(w->pool, c, 1000), kept, &err),
                 err);
}

/* All that is there was used so long ago. */
static void age(struct world *w, const char *file, int64_t ms)
{
    static const char sql[] = "UPDATE uplink_tarball SET used_at = ? WHERE file = ?";
    struct err err;
    auto_tx struct db_tx tx = {0};
    assert_works(db_begin(&tx, w->db, &err), err);
    assert_int_equal(db_do(tx.conn, &err, sql, "iz", clock_wall_ms() - ms, file), 1);
    assert_works(db_commit(&tx, &err), err);
}

static bool is_here(struct world *w, const char *file)
{
    struct stored s;
    int fd;
    uint64_t bytes;
    if (!store_find_tarball(w->registry->uplinks, w->pool, "default", TEXT("a"), text_of(file), &s))
        return false;
    assert_int_equal(blob_open(w->blobs, &s.id, &fd, &bytes, NULL), 0);
    close(fd);
    return true;
}

static void what_was_used_least_goes_and_its_bytes_with_it(void **state)
{
    struct world *w = *state;
    struct uplinks *us = w->registry->uplinks;
    struct stored s;
    struct err err;
    int fd;
    uint64_t bytes;
    put(w, "one.tgz", '1', false);
    put(w, "two.tgz", '2', false);
    put(w, "three.tgz", '3', false);
    put(w, "bundle.tgz", '4', true);
    age(w, "one.tgz", 50 * 60000);
    age(w, "two.tgz", 90 * 60000);
    age(w, "three.tgz", 70 * 60000);
    age(w, "bundle.tgz", 900 * 60000);
    us->config.cache_bytes = 0;
    assert_int_equal(store_evict(us, &err), 0);
    us->config.cache_bytes = 3000;
    assert_int_equal(store_evict(us, &err), 0);
    /* The oldest was read just now. */
    uplinks_used(us, TEXT("a"), TEXT("two.tgz"));
    assert_works(store_note_used(us, &err), err);
    assert_true(store_find_tarball(us, w->pool, "default", TEXT("a"), TEXT("three.tgz"), &s));
    us->config.cache_bytes = 2500;
    assert_int_equal(store_evict(us, &err), 1);
    assert_true(is_here(w, "one.tgz") && is_here(w, "two.tgz") && is_here(w, "bundle.tgz"));
    assert_false(is_here(w, "three.tgz"));
    assert_int_equal(blob_open(w->blobs, &s.id, &fd, &bytes, &err), -1);
    us->config.cache_bytes = 1;
    assert_int_equal(store_evict(us, &err), 2);
    assert_true(is_here(w, "bundle.tgz"));
}

static void that_a_name_was_served_is_known_when_nothing_of_it_is_kept(void **state)
{
    struct world *w = *state;
    struct claim claim = {.name = TEXT("a"), .tenant = w->acme, .by = TEXT("root")};
    struct err err;
    put(w, "one.tgz", '1', false);
    w->registry->uplinks->config.cache_bytes = 1;
    assert_int_equal(store_evict(w->registry->uplinks, &err), 1);
    assert_int_equal(claim_create(w->registry, w->pool, &claim, &err), -1);
    assert_string_equal(err.code, "served_before");
}

static void what_one_uplink_gave_is_not_what_another_gives(void **state)
{
    struct world *w = *state;
    struct uplinks *us = w->registry->uplinks;
    struct store_document d = {"default",     TEXT("b"),  PACKUMENT_FULL,
                               TEXT("\"e\""), TEXT("{}"), false};
    struct stored s;
    struct err err;
    assert_works(store_put_document(us, w->pool, &d, &err), err);
    assert_true(store_find_document(us, w->pool, "default", TEXT("b"), PACKUMENT_FULL, &s));
    assert_true(text_is(s.etag, "\"e\""));
    assert_false(store_find_document(us, w->pool, "other", TEXT("b"), PACKUMENT_FULL, &s));
    assert_false(store_find_document(us, w->pool, "default", TEXT("b"), PACKUMENT_ABBREVIATED, &s));
    d.uplink = "other";
    assert_works(store_put_document(us, w->pool, &d, &err), err);
    assert_false(store_find_document(us, w->pool, "default", TEXT("b"), PACKUMENT_FULL, &s));
}

static void what_was_forgotten_on_its_way_is_not_known_when_it_lands(void **state)
{
    struct flights *f = flights_new();
    bool waited = false;
    struct text key = TEXT("a full");
    assert_int_equal(flights_board(f, key, 100, &waited), FLIGHT_YOURS);
    flights_forget_all(f);
    flights_land(f, key, FLIGHT_FRESH, clock_mono_ms() + 60000, 60000);
    assert_int_equal(flights_look(f, key, clock_mono_ms()), FLIGHT_NONE);
    assert_int_equal(flights_board(f, key, 100, &waited), FLIGHT_YOURS);
    flights_land(f, key, FLIGHT_FRESH, clock_mono_ms() - 1, 60000);
    assert_int_equal(flights_look(f, key, clock_mono_ms()), FLIGHT_STALE);
    assert_true(flights_take(f, key));
    assert_false(flights_take(f, key));
    assert_int_equal(flights_board(f, key, 100, &waited), FLIGHT_STALE);
    flights_land(f, key, FLIGHT_FRESH, clock_mono_ms() + 60000, 0);
    assert_false(flights_take(f, key));
    flights_free(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_used_least_goes_and_its_bytes_with_it, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(that_a_name_was_served_is_known_when_nothing_of_it_is_kept,
                                        world_open, world_close),
        cmocka_unit_test_setup_teardown(what_one_uplink_gave_is_not_what_another_gives, world_open,
                                        world_close),
        cmocka_unit_test(what_was_forgotten_on_its_way_is_not_known_when_it_lands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
