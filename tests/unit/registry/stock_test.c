#include "tests/unit/registry/world.h"

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

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
static const struct CMUnitTest tests[] = {
    TEST(every_table_that_names_blobs_is_asked_or_known_not_to_need_them),
    TEST(a_blob_is_needed_as_long_as_its_version_is_there),
};
UNIT_MAIN(tests)
