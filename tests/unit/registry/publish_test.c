#include "tests/unit/registry/world.h"

#include "registry/packument.h"

#include <pthread.h>

#define NAME "@acme/red-hello"

static struct json *packument(struct world *w, struct pool *pool, const char *name,
                              enum packument_form form)
{
    struct err err;
    struct text body;
    struct json *doc;
    auto_read struct db_read r = db_read(w->db, &err);

    assert_non_null(r.conn);
    if (packument_build(r.conn, pool, w->registry->base, text_of(name), form, &body, &err) != 0)
        return NULL;
    assert_works(json_read(pool, body, 100000, &doc, &err), err);
    return doc;
}

/* By keys one after the other, since versions hold dots. */
static struct text text_at(const struct json *doc, const char *a, const char *b, const char *c,
                           const char *d)
{
    const char *keys[] = {a, b, c, d};
    for (size_t i = 0; i < 4 && keys[i] != NULL; i++)
        doc = json_get(doc, keys[i]);
    return doc != NULL && doc->type == JSON_STRING ? doc->text : TEXT_NONE;
}

static void a_publish_is_read_back_in_both_forms(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;
    struct text tarball = world_tarball(
        pool, NAME, "1.0.0",
        ",\"scripts\":{\"postinstall\":\"x\"},\"bin\":\"./cli.js\",\"dependencies\":{\"a\":\"^1\"},"
        "\"node-red\":{\"nodes\":{\"h\":\"hello.js\"}}");

    assert_works(world_put(w, pool, &ada, NAME,
                           world_document(pool, NAME, "1.0.0", "latest", tarball), &err),
                 err);
    assert_int_equal(w->published, 1);
    struct json *full = packument(w, pool, NAME, PACKUMENT_FULL);
    assert_text(text_at(full, "_id", NULL, NULL, NULL), NAME);
    assert_true(text_starts(text_at(full, "_rev", NULL, NULL, NULL), "1-"));
    assert_text(text_at(full, "description", NULL, NULL, NULL), "A node");
    assert_text(text_at(full, "readme", NULL, NULL, NULL), "# From the tarball");
    assert_text(text_at(full, "dist-tags", "latest", NULL, NULL), "1.0.0");
    assert_text(json_get(full, "maintainers")->raw, "[{\"name\":\"ada\",\"email\":\"\"}]");
    assert_non_null(text_at(full, "time", "1.0.0", NULL, NULL).base);
    assert_text(text_at(full, "versions", "1.0.0", "dist", "tarball"),
                "http://localhost:8080/npm/@acme/red-hello/-/red-hello-1.0.0.tgz");
    assert_text(text_at(full, "versions", "1.0.0", "_npmUser", "name"), "ada");
    const struct json *version = json_get(json_get(full, "versions"), "1.0.0");
    assert_true(json_get(version, "hasInstallScript")->boolean);
    assert_text(json_get(version, "bin")->raw, "{\"red-hello\":\"cli.js\"}");
    assert_text(json_at(version, "dist.fileCount")->raw, "3");
    assert_null(json_get(version, "readme"));

    struct json *brief = packument(w, pool, NAME, PACKUMENT_ABBREVIATED);
    version = json_get(json_get(brief, "versions"), "1.0.0");
    assert_null(json_get(brief, "_rev"));
    assert_null(json_get(brief, "readme"));
    assert_null(json_get(version, "description"));
    assert_null(json_get(version, "deprecated"));
    assert_text(json_get(version, "dependencies")->raw, "{\"a\":\"^1\"}");
    assert_non_null(text_at(brief, "time", "1.0.0", NULL, NULL).base);
}

static void a_version_that_exists_is_refused(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL),
                    root = world_who(w, pool, w->root, SCOPE_ALL);
    struct err err;
    struct text other = world_tarball(pool, NAME, "1.0.0", ",\"x\":1");

    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err);
    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err); /* a client's retry */
    assert_fails(world_publish(w, pool, &root, NAME, "1.0.0", &err), err, ERR_CONFLICT,
                 "version_exists");
    assert_fails(
        world_put(w, pool, &ada, NAME, world_document(pool, NAME, "1.0.0", "latest", other), &err),
        err, ERR_CONFLICT, "version_exists");
    assert_int_equal(w->published, 1);
}

static void the_first_publish_sets_latest_whatever_its_tag(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;
    struct text tarball = world_tarball(pool, NAME, "1.0.0-beta.1", NULL);

    assert_works(world_put(w, pool, &ada, NAME,
                           world_document(pool, NAME, "1.0.0-beta.1", "beta", tarball), &err),
                 err);
    tarball = world_tarball(pool, NAME, "1.0.0-beta.2", NULL);
    assert_works(world_put(w, pool, &ada, NAME,
                           world_document(pool, NAME, "1.0.0-beta.2", "beta", tarball), &err),
                 err);
    struct json *full = packument(w, pool, NAME, PACKUMENT_FULL);
    assert_text(json_get(full, "dist-tags")->raw,
                "{\"beta\":\"1.0.0-beta.2\",\"latest\":\"1.0.0-beta.1\"}");
}

static void what_the_tarball_denies_is_refused_and_stays_invisible(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;
    struct text other = world_tarball(pool, "@acme/other", "1.0.0", NULL);
    struct text later = world_tarball(pool, NAME, "1.0.1", NULL);
    struct text good = world_tarball(pool, NAME, "1.0.0", NULL);
    struct text doc = world_document(pool, NAME, "1.0.0", "latest", good);
    char *bent = memmem(doc.base, doc.len, "sha512-", 7);

    assert_fails(
        world_put(w, pool, &ada, NAME, world_document(pool, NAME, "1.0.0", "latest", other), &err),
        err, ERR_UNPROCESSABLE, "wrong_name");
    assert_fails(
        world_put(w, pool, &ada, NAME, world_document(pool, NAME, "1.0.0", "latest", later), &err),
        err, ERR_UNPROCESSABLE, "wrong_version");
    assert_fails(world_put(w, pool, &ada, NAME,
                           world_document(pool, NAME, "1.0.0", "latest", TEXT("no tarball")), &err),
                 err, ERR_UNPROCESSABLE, "bad_bundle");
    bent[10] = bent[10] == 'A' ? 'B' : 'A';
    assert_fails(world_put(w, pool, &ada, NAME, doc, &err), err, ERR_UNPROCESSABLE,
                 "bad_integrity");
    assert_null(packument(w, pool, NAME, PACKUMENT_FULL));
    assert_int_equal(w->published, 0);
}

static void only_who_may_publish_does(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL),
                    bob = world_who(w, pool, w->bob, SCOPE_ALL);
    struct identity reader = world_who(w, pool, w->ada, SCOPE_READ_ONLY), nobody = {0};
    struct err err;

    assert_fails(world_publish(w, pool, &nobody, NAME, "1.0.0", &err), err, ERR_UNAUTHORIZED,
                 "unauthorized");
    assert_fails(world_publish(w, pool, &bob, NAME, "1.0.0", &err), err, ERR_NOT_FOUND,
                 "package_not_found");
    assert_fails(world_publish(w, pool, &reader, NAME, "1.0.0", &err), err, ERR_FORBIDDEN,
                 "forbidden");
    assert_fails(world_publish(w, pool, &ada, "red-hello", "1.0.0", &err), err, ERR_FORBIDDEN,
                 "public_name");
    assert_fails(world_publish(w, pool, &ada, "@other/red-hello", "1.0.0", &err), err,
                 ERR_FORBIDDEN, "public_name");
    assert_fails(world_publish(w, pool, &ada, "@acme/Upper", "1.0.0", &err), err, ERR_UNPROCESSABLE,
                 "bad_package_name");
}

static void in_the_shared_scope_owners_decide(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL),
                    bob = world_who(w, pool, w->bob, SCOPE_ALL);
    struct identity root = world_who(w, pool, w->root, SCOPE_ALL);
    struct err err;
    struct json *doc;

    assert_works(world_publish(w, pool, &ada, "@shared/a", "1.0.0", &err), err);
    assert_fails(world_publish(w, pool, &bob, "@shared/a", "1.0.1", &err), err, ERR_FORBIDDEN,
                 "not_owner");
    assert_works(world_publish(w, pool, &root, "@shared/a", "1.0.1", &err), err);
    struct change change = world_change(w, pool, &bob, NULL, "@shared/a");
    assert_fails(change_set_tag(&change, TEXT("old"), TEXT("1.0.0"), &err), err, ERR_FORBIDDEN,
                 "not_owner");
    assert_works(json_read(pool, TEXT("{\"maintainers\":[{\"name\":\"bob\"}]}"), 10, &doc, &err),
                 err);
    change.who = &ada;
    assert_works(change_owners(&change, doc, TEXT("undefined"), &err), err);
    assert_works(world_publish(w, pool, &bob, "@shared/a", "1.0.2", &err), err);
    assert_fails(world_publish(w, pool, &ada, "@shared/a", "1.0.3", &err), err, ERR_FORBIDDEN,
                 "not_owner");
}

/* The document of world_document promises a command, a dependency and a harmless script. */
static void what_is_installed_and_run_is_told_by_the_tarball_alone(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;
    struct text tarball = world_tarball(
        pool, NAME, "1.0.0",
        ",\"scripts\":{\"install\":\"steal\"},\"dependencies\":{\"evil\":\"1.0.0\"},"
        "\"optionalDependencies\":{\"o\":\"1\"},\"peerDependencies\":\"odd\","
        "\"bundledDependencies\":true,\"os\":[\"linux\"],\"engines\":{\"node\":\">=20\"},"
        "\"directories\":{\"bin\":\"./\"}");

    assert_works(world_put(w, pool, &ada, NAME,
                           world_document(pool, NAME, "1.0.0", "latest", tarball), &err),
                 err);
    for (int form = 0; form < 2; form++) {
        struct json *doc =
            packument(w, pool, NAME, form == 0 ? PACKUMENT_FULL : PACKUMENT_ABBREVIATED);
        const struct json *version = json_get(json_get(doc, "versions"), "1.0.0");
        assert_text(json_get(version, "dependencies")->raw, "{\"evil\":\"1.0.0\"}");
        assert_text(json_get(version, "optionalDependencies")->raw, "{\"o\":\"1\"}");
        assert_text(json_get(version, "bundleDependencies")->raw, "[\"evil\"]");
        assert_text(json_get(version, "os")->raw, "[\"linux\"]");
        assert_text(json_get(version, "engines")->raw, "{\"node\":\">=20\"}");
        assert_true(json_get(version, "hasInstallScript")->boolean);
        assert_null(json_get(version, "bin"));
        assert_null(json_get(version, "peerDependencies"));
        if (form == 0)
            assert_text(json_get(version, "scripts")->raw, "{\"install\":\"steal\"}");
    }
}

static void in_a_tenant_who_publishes_may_publish_all_and_only_owners_take_away(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct err err;
    struct json *doc;

    assert_works(account_member_set(w->account, w->acme, w->bob, ROLE_DEVELOPER, &err), err);
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL),
                    dev = world_who(w, pool, w->bob, SCOPE_ALL);
    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err);
    assert_works(world_publish(w, pool, &dev, NAME, "1.0.1", &err), err);
    struct change change = world_change(w, pool, &dev, w->acme, NAME);
    assert_works(change_set_tag(&change, TEXT("old"), TEXT("1.0.0"), &err), err);
    assert_fails(change_remove(&change, TEXT_NONE, &err), err, ERR_FORBIDDEN, "not_owner");
    assert_works(json_read(pool, TEXT("{\"versions\":{\"1.0.0\":{}}}"), 10, &doc, &err), err);
    assert_fails(change_keep_versions(&change, doc, TEXT_NONE, &err), err, ERR_FORBIDDEN,
                 "not_owner");
    assert_works(json_read(pool, TEXT("{\"maintainers\":[{\"name\":\"bob\"}]}"), 10, &doc, &err),
                 err);
    assert_fails(change_owners(&change, doc, TEXT_NONE, &err), err, ERR_FORBIDDEN, "not_owner");
    change.who = &ada;
    assert_works(change_owners(&change, doc, TEXT_NONE, &err), err);
    change.who = &dev;
    assert_works(change_remove(&change, TEXT_NONE, &err), err);
    /* What came from git is nobody's but the tenant's. */
    struct tarball_publish build = {.tarball = world_tarball(pool, "@acme/built", "1.0.0", NULL),
                                    .tenant = w->acme,
                                    .user = TEXT("ada"),
                                    .source = TARBALL_BUILD};
    struct text name, version;
    assert_works(registry_publish_tarball(w->registry, pool, &build, &name, &version, &err), err);
    change = world_change(w, pool, &dev, w->acme, "@acme/built");
    assert_works(change_remove(&change, TEXT_NONE, &err), err);
    /* What a developer made, the tenant's owner may remove without being named in it. */
    assert_works(world_publish(w, pool, &dev, "@acme/other", "1.0.0", &err), err);
    change = world_change(w, pool, &ada, w->acme, "@acme/other");
    assert_fails(change_remove(&change, TEXT_NONE, &err), err, ERR_FORBIDDEN, "not_owner");
    assert_works(account_member_set(w->account, w->acme, w->ada, ROLE_OWNER, &err), err);
    ada = world_who(w, pool, w->ada, SCOPE_ALL & ~(uint32_t)SCOPE_TENANT_ADMIN);
    assert_works(change_remove(&change, TEXT_NONE, &err), err);
}

struct racer {
    struct world *w;
    const struct identity *who;
    const char *version;
    int number, result;
    struct err err;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    auto_pool struct pool *pool = pool_new();
    struct text tarball =
        world_tarball(pool, NAME, r->version, pool_printf(pool, ",\"racer\":%d", r->number));
    r->result = world_put(r->w, pool, r->who, NAME,
                          world_document(pool, NAME, r->version, "latest", tarball), &r->err);
    return NULL;
}

static int run_race(struct world *w, struct racer *racers, int n)
{
    pthread_t threads[16];
    int won = 0;
    for (int i = 0; i < n; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        won += racers[i].result == 0;
    }
    return won;
}

static void of_many_at_once_one_wins_a_version(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct racer racers[12];

    for (int i = 0; i < 12; i++)
        racers[i] = (struct racer){.w = w, .who = &ada, .version = "1.0.0", .number = i};
    assert_int_equal(run_race(w, racers, 12), 1);
    assert_int_equal(w->published, 1);
    for (int i = 0; i < 12; i++)
        if (racers[i].result != 0)
            assert_string_equal(racers[i].err.code, "version_exists");
}

static void first_versions_that_come_at_once_all_stay(void **state)
{
    static const char *const versions[] = {"1.0.0", "1.0.1", "1.0.2", "1.0.3",
                                           "1.0.4", "1.0.5", "1.0.6", "1.0.7"};
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct racer racers[8];

    for (int i = 0; i < 8; i++)
        racers[i] = (struct racer){.w = w, .who = &ada, .version = versions[i], .number = i};
    assert_int_equal(run_race(w, racers, 8), 8);
    struct json *full = packument(w, pool, NAME, PACKUMENT_FULL);
    assert_int_equal(json_get(full, "versions")->count, 8);
    assert_int_equal(json_get(full, "dist-tags")->count, 1);
}

static int tarball_publish(struct world *w, struct pool *pool, const char *tenant,
                           struct text tarball, struct err *err)
{
    struct text name, version;
    struct tarball_publish spec = {.tarball = tarball,
                                   .tenant = tenant,
                                   .user = TEXT("build"),
                                   .source = TARBALL_BUILD,
                                   .commit = TEXT("abc123")};
    return registry_publish_tarball(w->registry, pool, &spec, &name, &version, err);
}

static void a_build_goes_down_the_same_funnel(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct err err;
    struct text release = world_tarball(pool, NAME, "1.0.0", ",\"bin\":{\"x\":\"y\"}");

    assert_works(tarball_publish(w, pool, w->acme, release, &err), err);
    assert_works(tarball_publish(w, pool, w->acme, release, &err), err);
    assert_works(
        tarball_publish(w, pool, w->acme, world_tarball(pool, NAME, "2.0.0-rc.1", NULL), &err),
        err);
    assert_int_equal(w->published, 2);
    assert_fails(
        tarball_publish(w, pool, w->acme, world_tarball(pool, NAME, "1.0.0", ",\"x\":1"), &err),
        err, ERR_CONFLICT, "version_exists");
    assert_fails(tarball_publish(w, pool, w->beta, release, &err), err, ERR_FORBIDDEN,
                 "wrong_scope");
    assert_fails(
        tarball_publish(w, pool, w->acme, world_tarball(pool, "lodash", "1.0.0", NULL), &err), err,
        ERR_FORBIDDEN, "wrong_scope");
    struct json *full = packument(w, pool, NAME, PACKUMENT_FULL);
    assert_text(json_get(full, "dist-tags")->raw, "{\"latest\":\"1.0.0\",\"next\":\"2.0.0-rc.1\"}");
    assert_text(json_get(full, "maintainers")->raw, "[]");
}

static void one_version_is_read_by_number_or_tag(void **state)
{
    struct world *w = *state;
    auto_pool struct pool *pool = pool_new();
    struct identity ada = world_who(w, pool, w->ada, SCOPE_ALL);
    struct err err;
    struct text a, b;

    assert_works(world_publish(w, pool, &ada, NAME, "1.0.0", &err), err);
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(packument_version(r.conn, pool, "B", TEXT(NAME), TEXT("1.0.0"), &a, &err), err);
    assert_works(packument_version(r.conn, pool, "B", TEXT(NAME), TEXT("latest"), &b, &err), err);
    assert_true(text_eq(a, b));
    assert_fails(packument_version(r.conn, pool, "B", TEXT(NAME), TEXT("constructor"), &b, &err),
                 err, ERR_NOT_FOUND, "version_not_found");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)
static const struct CMUnitTest tests[] = {
    TEST(a_publish_is_read_back_in_both_forms),
    TEST(a_version_that_exists_is_refused),
    TEST(the_first_publish_sets_latest_whatever_its_tag),
    TEST(what_the_tarball_denies_is_refused_and_stays_invisible),
    TEST(only_who_may_publish_does),
    TEST(in_the_shared_scope_owners_decide),
    TEST(what_is_installed_and_run_is_told_by_the_tarball_alone),
    TEST(in_a_tenant_who_publishes_may_publish_all_and_only_owners_take_away),
    TEST(of_many_at_once_one_wins_a_version),
    TEST(first_versions_that_come_at_once_all_stay),
    TEST(a_build_goes_down_the_same_funnel),
    TEST(one_version_is_read_by_number_or_tag),
};
UNIT_MAIN(tests)
