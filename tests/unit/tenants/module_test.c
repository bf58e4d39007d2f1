#include "tests/unit/unit.h"

#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "tenants/module.h"

static int read_one(struct pool *pool, const char *text, struct module *out)
{
    struct json *doc;
    struct err err;

    assert_int_equal(json_read(pool, text_of(text), 10000, &doc, &err), 0);
    return module_read(doc, out, &err);
}

static void an_entry_of_a_report_is_taken_as_it_stands(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct module m;

    assert_int_equal(read_one(pool,
                              "{\"name\":\"@a/b.c\",\"version\":\"1.2.3-beta.1+x\","
                              "\"pending_version\":\"2.0.0\",\"direct\":true,\"types\":[\"a b\"]}",
                              &m),
                     0);
    assert_true(text_is(m.name, "@a/b.c") && text_is(m.version, "1.2.3-beta.1+x"));
    assert_true(text_is(m.pending_version, "2.0.0") && text_is(m.types, "[\"a b\"]") && m.direct);
    assert_int_equal(read_one(pool, "{\"name\":\"b\",\"version\":\"0.0.1\",\"types\":null}", &m),
                     0);
    assert_true(text_is(m.types, "[]") && !m.direct && m.pending_version.base == NULL);
}

static void what_is_no_module_is_refused(void **state)
{
    static const char *const names[] = {"",    "@",     "@/b",   "@a/",     "a/b",      "@a/b/c",
                                        "a b", "a\\nb", "<img>", "\\u0000", "\xc3\xa4", "../x"};
    static const char *const versions[] = {"",       "1",       "1.2",   "1.2.3.4", "v1.2.3",
                                           "latest", "1..2",    ".1.2",  "1.2.",    "1.2.3 4",
                                           "<b>",    "1.2.3/x", "-1.2.3"};
    static const char *const types[] = {"{}", "\"x\"", "[1]", "[\"a\\nb\"]", "[[]]"};
    auto_pool struct pool *pool = pool_new();
    struct module m;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(
            read_one(pool, pool_printf(pool, "{\"name\":\"%s\",\"version\":\"1.0.0\"}", names[i]),
                     &m),
            -1);
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        assert_int_equal(
            read_one(pool, pool_printf(pool, "{\"name\":\"a\",\"version\":\"%s\"}", versions[i]),
                     &m),
            -1);
        assert_int_equal(read_one(pool,
                                  pool_printf(pool,
                                              "{\"name\":\"a\",\"version\":\"1.0.0\","
                                              "\"pending_version\":\"%s\"}",
                                              versions[i]),
                                  &m),
                         -1);
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_int_equal(
            read_one(
                pool,
                pool_printf(pool, "{\"name\":\"a\",\"version\":\"1.0.0\",\"types\":%s}", types[i]),
                &m),
            -1);
    assert_int_equal(read_one(pool, "{\"name\":7,\"version\":\"1.0.0\"}", &m), -1);
    assert_int_equal(read_one(pool, "{\"name\":\"a\",\"version\":\"1.0.0\",\"direct\":1}", &m), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_of_a_report_is_taken_as_it_stands),
        cmocka_unit_test(what_is_no_module_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
