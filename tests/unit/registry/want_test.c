/* What lists and lock files name. */
#include "tests/unit/unit.h"

#include "core/err.h"
#include "core/pool.h"
#include "registry/offline/want.h"

static void wants(const char *content, const char *expected, bool locked)
{
    auto_pool struct pool *pool = pool_new();
    struct wants got;
    size_t elsewhere;
    struct err err;
    struct text all = TEXT("");
    if (want_read(pool, text_of(content), &got, &elsewhere, &err) != 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < got.n; i++)
        all = text_printf(pool, "%.*s%s%.*s@%.*s", TEXT_ARG(all), i > 0 ? " " : "",
                          TEXT_ARG(got.all[i].name), TEXT_ARG(got.all[i].range));
    assert_string_equal(text_c(pool, all), expected);
    assert_int_equal(got.locked, locked);
}

static void a_list_has_a_name_a_line(void **state)
{
    wants("# mine\nlodash\n\n@s/a@^1.0.0\nb@npm:c@2\r\n", "lodash@ @s/a@^1.0.0 c@2", false);
}

static void package_json_says_ranges(void **state)
{
    wants(
        "{\"dependencies\":{\"a\":\"^1\",\"g\":\"git+https://x/y.git\"},\"devDependencies\":{\"b\":"
        "\"npm:c@2\"}}",
        "a@^1 c@2", false);
}

static void a_lock_of_npm_says_versions(void **state)
{
    wants("{\"lockfileVersion\":3,\"packages\":{\"\":{\"name\":\"me\",\"version\":\"1.0.0\"},"
          "\"node_modules/a\":{\"version\":\"1.0.0\"},"
          "\"node_modules/a/node_modules/@s/b\":{\"version\":\"2.0.0\"},"
          "\"node_modules/alias\":{\"name\":\"real\",\"version\":\"3.0.0\"},"
          "\"node_modules/l\":{\"link\":true,\"resolved\":\"w\"},\"w\":{\"version\":\"9.0.0\"},"
          "\"node_modules/g\":{\"version\":\"1.0.0\",\"resolved\":\"git+ssh://x\"}}}",
          "a@1.0.0 @s/b@2.0.0 real@3.0.0", true);
    wants("{\"lockfileVersion\":1,\"dependencies\":{\"a\":{\"version\":\"1.0.0\",\"dependencies\":{"
          "\"b\":{\"version\":\"npm:c@2.0.0\"}}}}}",
          "a@1.0.0 c@2.0.0", true);
}

static void a_lock_of_pnpm_says_versions(void **state)
{
    wants(
        "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n\npackages:\n\n"
        "  '@s/b@2.0.0':\n    resolution: {integrity: sha512-x}\n\n  a@1.0.0:\n    engines: {node: "
        "'>=1'}\n\nsnapshots:\n\n  a@1.0.0: {}\n",
        "@s/b@2.0.0 a@1.0.0", true);
    wants(
        "lockfileVersion: '6.0'\npackages:\n\n  /@s/b@2.0.0(peer@1.0.0):\n    x: y\n  /a@1.0.0:\n",
        "@s/b@2.0.0 a@1.0.0", true);
    wants("lockfileVersion: 5.4\npackages:\n\n  /@s/b/2.0.0_peer:\n    x: y\n  /a/1.0.0:\n",
          "@s/b@2.0.0 a@1.0.0", true);
}

static void a_lock_of_yarn_says_versions(void **state)
{
    wants("# yarn lockfile v1\n\n\n\"@s/b@^2.0.0\", \"@s/b@^2.0.1\":\n  version \"2.0.1\"\n  "
          "resolved \"x\"\n  dependencies:\n    version \"^1\"\n\na@1:\n  version \"1.0.0\"\n",
          "@s/b@2.0.1 a@1.0.0", true);
    wants("__metadata:\n  version: 8\n\n\"@s/b@npm:^2.0.0\":\n  version: 2.0.1\n  resolution: "
          "\"x\"\n\n\"al@npm:real@^3\":\n  version: 3.0.0\n\n\"me@workspace:.\":\n  version: "
          "0.0.0-use.local\n",
          "@s/b@2.0.1 real@3.0.0", true);
}

static void nonsense_is_refused_with_a_sentence(void **state)
{
    static const char *const bad[] = {"", "  \n", "!! no name", "{", "{}", "# nothing"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        auto_pool struct pool *pool = pool_new();
        struct wants got;
        size_t elsewhere;
        struct err err;
        assert_int_equal(want_read(pool, text_of(bad[i]), &got, &elsewhere, &err), -1);
        assert_true(err.text[0] != '\0');
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_a_name_a_line),
        cmocka_unit_test(package_json_says_ranges),
        cmocka_unit_test(a_lock_of_npm_says_versions),
        cmocka_unit_test(a_lock_of_pnpm_says_versions),
        cmocka_unit_test(a_lock_of_yarn_says_versions),
        cmocka_unit_test(nonsense_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
