#include "tests/unit/unit.h"

#include "core/bundle.h"
#include "core/pool.h"
#include "registry/manifest.h"

#define PACKAGE_JSON "{\"name\":\"@acme/red-hello\",\"version\":\"1.0.0\""

static struct text pack(struct pool *pool, const struct bundle_file *files, size_t n)
{
    struct text out;
    struct err err;

    assert_works(bundle_pack_tgz(pool, files, n, &out, &err), err);
    return out;
}

static struct text pack_json(struct pool *pool, const char *json)
{
    struct bundle_file file = {"package/package.json", text_of(json)};
    return pack(pool, &file, 1);
}

static void a_node_red_package_says_what_it_is(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct manifest m;
    struct err err;
    const struct bundle_file files[] = {
        {"package/package.json",
         TEXT(PACKAGE_JSON
              ",\"node-red\":{\"version\":\">=3\",\"nodes\":{\"a\":\"./a.js\",\"b\":\"lib/b\"}}}")},
        {"package/a.js", TEXT("RED.nodes.registerType('hello', H)")},
        {"package/lib/b.js", TEXT("RED.nodes.registerType(\"hello-config\", C)")},
        {"package/other.js", TEXT("RED.nodes.registerType('not listed', H)")},
        {"package/readme.txt", TEXT("plain")},
        {"package/README.md", TEXT("# Hello")},
        {"package/npm-shrinkwrap.json", TEXT("{}")},
    };

    assert_works(manifest_read(pool, pack(pool, files, 7), &m, &err), err);
    assert_text(m.name, "@acme/red-hello");
    assert_text(m.version, "1.0.0");
    assert_text(m.types, "[\"hello\",\"hello-config\"]");
    assert_text(m.node_red_version, ">=3");
    assert_true(m.node_red);
    assert_text(m.readme, "# Hello");
    assert_text(m.readme_name, "README.md");
    assert_int_equal(m.files, 7);
    assert_true(m.shrinkwrap);
    assert_false(m.install_script);
}

static void any_first_folder_is_dropped(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct manifest m;
    struct err err;
    const struct bundle_file file = {"red-hello-1/package.json", TEXT(PACKAGE_JSON "}")};

    assert_works(manifest_read(pool, pack(pool, &file, 1), &m, &err), err);
    assert_text(m.types, "[]");
    assert_false(m.node_red);
    assert_null(m.readme.base);
}

static bool installs(struct pool *pool, const char *json, bool gyp)
{
    struct manifest m;
    struct err err;
    const struct bundle_file files[] = {{"package/package.json", text_of(json)},
                                        {"package/binding.gyp", TEXT("{}")}};

    assert_works(manifest_read(pool, pack(pool, files, gyp ? 2 : 1), &m, &err), err);
    return m.install_script;
}

static void install_scripts_are_seen_in_the_tarball(void **state)
{
    auto_pool struct pool *pool = pool_new();

    assert_true(installs(pool, PACKAGE_JSON ",\"scripts\":{\"postinstall\":\"x\"}}", false));
    assert_true(installs(pool, PACKAGE_JSON ",\"scripts\":{\"preinstall\":\"x\"}}", false));
    assert_true(installs(pool, PACKAGE_JSON ",\"scripts\":{\"install\":\"x\"}}", false));
    assert_false(
        installs(pool, PACKAGE_JSON ",\"scripts\":{\"test\":\"x\",\"install\":\"\"}}", false));
    assert_true(installs(pool, PACKAGE_JSON "}", true));
    assert_false(installs(pool, PACKAGE_JSON ",\"gypfile\":false}", true));
}

static void a_bad_package_json_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{\"name\":\"a\"}",
                                      "{\"version\":\"1.0.0\"}",
                                      "{\"name\":\"a\",\"version\":\"1\"}",
                                      "{\"name\":\"a\",\"version\":\"1.0.0+b\"}",
                                      "{\"name\":1,\"version\":\"1.0.0\"}",
                                      "{\"name\":\"a\",\"name\":\"b\",\"version\":\"1.0.0\"}"};
    auto_pool struct pool *pool = pool_new();
    struct manifest m;
    struct err err;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(manifest_read(pool, pack_json(pool, bad[i]), &m, &err), err, ERR_UNPROCESSABLE,
                     "bad_manifest");
}

static void two_package_json_are_refused(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct manifest m;
    struct err err;
    const struct bundle_file files[] = {
        {"package/package.json", TEXT(PACKAGE_JSON "}")},
        {"other/package.json", TEXT("{\"name\":\"evil\",\"version\":\"9.0.0\"}")},
    };
    const struct bundle_file none[] = {{"package/index.js", TEXT("")}};

    assert_fails(manifest_read(pool, pack(pool, files, 2), &m, &err), err, ERR_UNPROCESSABLE,
                 "bad_manifest");
    assert_fails(manifest_read(pool, pack(pool, none, 1), &m, &err), err, ERR_UNPROCESSABLE,
                 "bad_manifest");
}

static void what_is_no_tarball_is_refused(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct manifest m;
    struct err err;

    assert_fails(manifest_read(pool, TEXT(""), &m, &err), err, ERR_UNPROCESSABLE, "bad_bundle");
    assert_fails(manifest_read(pool, TEXT("not gzip at all"), &m, &err), err, ERR_UNPROCESSABLE,
                 "bad_bundle");
}

static void a_byte_order_mark_is_no_obstacle(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct manifest m;
    struct err err;

    assert_works(manifest_read(pool, pack_json(pool, "\xef\xbb\xbf" PACKAGE_JSON "}"), &m, &err),
                 err);
    assert_text(m.name, "@acme/red-hello");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_node_red_package_says_what_it_is),
    cmocka_unit_test(any_first_folder_is_dropped),
    cmocka_unit_test(install_scripts_are_seen_in_the_tarball),
    cmocka_unit_test(a_bad_package_json_is_refused),
    cmocka_unit_test(two_package_json_are_refused),
    cmocka_unit_test(what_is_no_tarball_is_refused),
    cmocka_unit_test(a_byte_order_mark_is_no_obstacle),
};
UNIT_MAIN(tests)
