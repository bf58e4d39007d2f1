#include "tests/unit/registry/world.h"

#include "registry/claim.h"
#include "registry/package.h"
#include "registry/packument.h"

#define NAME "@acme/red-hello"

/* ada with versions 1.0.0, 1.1.0 and 2.0.0-rc.1; latest is 1.1.0. */
struct scene {
    struct pool *pool;
    struct identity ada;
    struct change change;
};

static struct scene set(struct world *w)
{
    struct scene s = {.pool = w->pool};
    struct err err;
    s.ada = world_who(w, w->pool, w->ada, SCOPE_ALL);
    assert_works(world_publish(w, w->pool, &s.ada, NAME, "1.0.0", &err), err);
    assert_works(world_publish(w, w->pool, &s.ada, NAME, "1.1.0", &err), err);
    struct text rc = world_tarball(w->pool, NAME, "2.0.0-rc.1", NULL);
    assert_works(world_put(w, w->pool, &s.ada, NAME,
                           world_document(w->pool, NAME, "2.0.0-rc.1", "next", rc), &err),
                 err);
    s.change = world_change(w, w->pool, NULL, w->acme, NAME);
    return s;
}

static bool get(struct world *w, struct package *p)
{
    struct err err;
    auto_read struct db_read r = db_read(w->db, &err);
    assert_non_null(r.conn);
    return package_get(r.conn, w->pool, TEXT(NAME), p, &err) == 0;
}

static struct text rev(struct world *w)
{
    struct package p;
    assert_true(get(w, &p));
    return package_rev(w->pool, &p);
}

static struct text tags(struct world *w)
{
    struct err err;
    struct text body;
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(packument_tags(r.conn, w->pool, TEXT(NAME), &body, &err), err);
    return body;
}

static struct json *json(struct world *w, struct text body)
{
    struct json *doc;
    struct err err;
    assert_works(json_read(w->pool, body, 1000, &doc, &err), err);
    return doc;
}

static void a_tag_names_a_version_that_is_there(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;

    s.change.who = &s.ada;
    assert_works(change_set_tag(&s.change, TEXT("stable"), TEXT("1.0.0"), &err), err);
    assert_text(tags(w), "{\"latest\":\"1.1.0\",\"next\":\"2.0.0-rc.1\",\"stable\":\"1.0.0\"}");
    assert_fails(change_set_tag(&s.change, TEXT("stable"), TEXT("9.0.0"), &err), err, ERR_NOT_FOUND,
                 "version_not_found");
    assert_fails(change_set_tag(&s.change, TEXT("1.x"), TEXT("1.0.0"), &err), err,
                 ERR_UNPROCESSABLE, "bad_tag");
    assert_fails(change_remove_tag(&s.change, TEXT("latest"), &err), err, ERR_UNPROCESSABLE,
                 "latest_stays");
    assert_works(change_remove_tag(&s.change, TEXT("stable"), &err), err);
    assert_fails(change_remove_tag(&s.change, TEXT("stable"), &err), err, ERR_NOT_FOUND,
                 "tag_not_found");
}

static void deprecating_removes_nothing_and_checks_the_revision(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    struct package p;
    struct text old = rev(w);
    struct text doc =
        text_printf(w->pool,
                    "{\"_rev\":\"%.*s\",\"versions\":{\"1.0.0\":{\"deprecated\":\"use 1.1\"},"
                    "\"7.0.0\":{\"deprecated\":\"x\"}}}",
                    TEXT_ARG(old));

    s.change.who = &s.ada;
    assert_works(change_deprecate(&s.change, json(w, doc), &err), err);
    assert_true(get(w, &p));
    assert_int_equal(p.versions, 3);
    assert_fails(change_deprecate(&s.change, json(w, doc), &err), err, ERR_CONFLICT, "stale_rev");
    struct text body;
    {
        auto_read struct db_read r = db_read(w->db, &err);
        assert_works(
            packument_version(r.conn, w->pool, "B", TEXT(NAME), TEXT("1.0.0"), &body, &err), err);
    }
    assert_text(json_get(json(w, body), "deprecated")->text, "use 1.1");
    assert_works(change_deprecate(&s.change,
                                  json(w, TEXT("{\"versions\":{\"1.0.0\":{\"deprecated\":\"\"}}}")),
                                  &err),
                 err);
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(packument_version(r.conn, w->pool, "B", TEXT(NAME), TEXT("1.0.0"), &body, &err),
                 err);
    assert_null(json_get(json(w, body), "deprecated"));
}

static void unpublishing_one_version_is_one_step(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    struct json *doc =
        json(w, TEXT("{\"versions\":{\"1.0.0\":{},\"2.0.0-rc.1\":{}},\"dist-tags\":{}}"));

    s.change.who = &s.ada;
    assert_fails(change_keep_versions(&s.change, doc, TEXT("1-0"), &err), err, ERR_CONFLICT,
                 "stale_rev");
    assert_fails(change_check_detached(&s.change, TEXT("1.1.0"), &err), err, ERR_CONFLICT,
                 "version_in_use");
    assert_works(change_keep_versions(&s.change, doc, rev(w), &err), err);
    assert_text(tags(w), "{\"latest\":\"1.0.0\",\"next\":\"2.0.0-rc.1\"}");
    assert_works(change_check_detached(&s.change, TEXT("1.1.0"), &err), err);
    assert_fails(change_check_detached(&s.change, TEXT("5.0.0"), &err), err, ERR_NOT_FOUND,
                 "file_not_found");
}

static void a_removed_number_takes_only_the_same_bytes(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;
    struct package p;
    struct text other = world_tarball(w->pool, NAME, "1.0.0", ",\"x\":1");

    s.change.who = &s.ada;
    assert_works(change_remove(&s.change, rev(w), &err), err);
    assert_false(get(w, &p));
    assert_fails(world_put(w, w->pool, &s.ada, NAME,
                           world_document(w->pool, NAME, "1.0.0", "latest", other), &err),
                 err, ERR_CONFLICT, "version_removed");
    assert_false(get(w, &p));
    assert_works(world_publish(w, w->pool, &s.ada, NAME, "1.0.0", &err), err);
    assert_true(get(w, &p));
    assert_int_equal(p.versions, 1);
}

static struct origin origin(struct world *w, const char *name)
{
    struct pkgname n;
    assert_true(pkgname_split(text_of(name), &n));
    return origin_of(w->registry, w->pool, world_accounts(w, w->pool), &n);
}

static void a_name_has_one_origin(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;

    (void)s;
    assert_int_equal(origin(w, "lodash").kind, ORIGIN_PUBLIC);
    assert_int_equal(origin(w, "@types/node").kind, ORIGIN_PUBLIC);
    assert_int_equal(origin(w, "@shared/x").kind, ORIGIN_PLATFORM);
    assert_int_equal(origin(w, NAME).kind, ORIGIN_TENANT);
    assert_string_equal(origin(w, "@acme/never-published").tenant, w->acme);
    assert_int_equal(origin(w, "@ACME/red-hello").kind, ORIGIN_NOBODY);
    assert_works(account_tenant_remove(w->account, w->acme, &err), err);
    assert_int_equal(origin(w, NAME).kind, ORIGIN_NOBODY);
    assert_int_equal(origin(w, "@acme/other").kind, ORIGIN_NOBODY);
}

static void who_may_read_follows_the_origin(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct identity bob = world_who(w, w->pool, w->bob, SCOPE_ALL), nobody = {0};
    struct identity instance = {
        .kind = IDENTITY_INSTANCE, .tenant = w->acme, .narrowed = SCOPE_PACKAGE_READ};
    struct origin own = origin(w, NAME), public = origin(w, "lodash"),
                  shared = origin(w, "@shared/a");

    assert_true(origin_may_read(w->registry, &s.ada, &own));
    assert_true(origin_may_read(w->registry, &instance, &own));
    assert_false(origin_may_read(w->registry, &bob, &own));
    assert_false(origin_may_read(w->registry, &nobody, &own));
    assert_true(origin_may_read(w->registry, &bob, &public));
    assert_true(origin_may_read(w->registry, &instance, &public));
    assert_true(origin_may_read(w->registry, &bob, &shared));
    assert_false(origin_may_read(w->registry, &nobody, &public));
    w->registry->config.anonymous_read = true;
    assert_true(origin_may_read(w->registry, &nobody, &public));
    assert_true(origin_may_read(w->registry, &nobody, &shared));
    assert_false(origin_may_read(w->registry, &nobody, &own));
}

static int claim(struct world *w, const char *name, bool take_over, struct err *err)
{
    struct claim c = {
        .name = text_of(name), .tenant = w->acme, .take_over = take_over, .by = TEXT("root")};
    return claim_create(w->registry, w->pool, &c, err);
}

static void serve_public(struct world *w, const char *name)
{
    static const char sql[] = "INSERT INTO uplink_tarball (name, file, sha512, bytes, fetched_at) "
                              "VALUES (?, 'x.tgz', x'00', 1, 1)";
    struct err err;
    auto_tx struct db_tx tx = {0};
    assert_works(db_begin(&tx, w->db, &err), err);
    assert_int_equal(db_do(tx.conn, &err, sql, "z", name), 1);
    assert_works(db_commit(&tx, &err), err);
}

static void a_claimed_name_is_the_tenants_from_then_on(void **state)
{
    struct world *w = *state;
    struct scene s = set(w);
    struct err err;

    serve_public(w, "red-taken");
    assert_fails(claim(w, "red-taken", false, &err), err, ERR_CONFLICT, "served_before");
    assert_int_equal(origin(w, "red-taken").kind, ORIGIN_PUBLIC);
    assert_works(claim(w, "red-taken", true, &err), err);
    assert_int_equal(origin(w, "red-taken").kind, ORIGIN_TENANT);
    assert_works(claim(w, "red-own", false, &err), err);
    assert_fails(claim(w, "red-own", true, &err), err, ERR_CONFLICT, "claimed");
    assert_fails(claim(w, "@acme/x", false, &err), err, ERR_UNPROCESSABLE, "bad_package_name");
    assert_fails(claim(w, "http", false, &err), err, ERR_UNPROCESSABLE, "bad_package_name");
    assert_int_equal(origin(w, "Red-Own").kind, ORIGIN_NOBODY);
    assert_works(world_publish(w, w->pool, &s.ada, "red-own", "1.0.0", &err), err);
    assert_fails(claim_remove(w->registry, w->pool, TEXT("red-own"), &err), err, ERR_CONFLICT,
                 "claim_in_use");
    assert_works(claim_remove(w->registry, w->pool, TEXT("red-taken"), &err), err);
    assert_fails(claim_remove(w->registry, w->pool, TEXT("red-taken"), &err), err, ERR_NOT_FOUND,
                 "claim_not_found");
    assert_int_equal(origin(w, "red-taken").kind, ORIGIN_PUBLIC);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
static const struct CMUnitTest tests[] = {
    TEST(a_tag_names_a_version_that_is_there),
    TEST(deprecating_removes_nothing_and_checks_the_revision),
    TEST(unpublishing_one_version_is_one_step),
    TEST(a_removed_number_takes_only_the_same_bytes),
    TEST(a_name_has_one_origin),
    TEST(who_may_read_follows_the_origin),
    TEST(a_claimed_name_is_the_tenants_from_then_on),
};
UNIT_MAIN(tests)
