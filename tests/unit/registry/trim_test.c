/* Documents cut down and put together. */
#include "tests/unit/unit.h"

#include "core/err.h"
#include "core/pool.h"
#include "registry/uplink/trim.h"

#include <string.h>

static const char document[] =
    "{\"name\":\"a\",\"readme\":\"long\",\"dist-tags\":{\"latest\":\"2.0.0\",\"old\":\"1.0.0\"},"
    "\"time\":{\"created\":\"c\",\"modified\":\"m\",\"1.0.0\":\"t1\",\"1.1.0\":\"t11\",\"2.0.0\":"
    "\"t2\"},\"versions\":{"
    "\"1.0.0\":{\"name\":\"a\",\"version\":\"1.0.0\",\"readme\":\"x\",\"dist\":{\"integrity\":"
    "\"one\"}},"
    "\"1.1.0\":{\"name\":\"a\",\"version\":\"1.1.0\",\"scripts\":{\"install\":\"x\"},\"dist\":{"
    "\"integrity\":\"oneone\"}},"
    "\"2.0.0\":{\"name\":\"a\",\"version\":\"2.0.0\",\"dist\":{\"integrity\":\"two\"}}}}";

static bool is_first(void *arg, struct text version)
{
    return text_starts(version, "1.");
}

static void the_abbreviated_form_has_what_installers_need(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text out;
    struct err err;
    assert_works(trim_abbreviate(pool, text_of(document), &out, &err), err);
    assert_string_equal(
        text_c(pool, out),
        "{\"name\":\"a\",\"dist-tags\":{\"latest\":\"2.0.0\",\"old\":\"1.0.0\"},"
        "\"time\":{\"created\":\"c\",\"modified\":\"m\",\"1.0.0\":\"t1\",\"1.1.0\":\"t11\","
        "\"2.0.0\":\"t2\"},\"versions\":{"
        "\"1.0.0\":{\"name\":\"a\",\"version\":\"1.0.0\",\"dist\":{\"integrity\":\"one\"}},"
        "\"1.1.0\":{\"name\":\"a\",\"version\":\"1.1.0\",\"dist\":{\"integrity\":\"oneone\"},"
        "\"hasInstallScript\":true},"
        "\"2.0.0\":{\"name\":\"a\",\"version\":\"2.0.0\",\"dist\":{\"integrity\":\"two\"}}},"
        "\"modified\":\"m\"}");
}

static void chosen_versions_take_their_times_and_tags_along(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text out;
    struct err err;
    assert_works(trim_versions(pool, text_of(document), is_first, NULL, &out, &err), err);
    const char *s = text_c(pool, out);
    assert_non_null(strstr(s, "\"dist-tags\":{\"old\":\"1.0.0\",\"latest\":\"1.1.0\"}"));
    assert_non_null(strstr(s, "\"time\":{\"created\":\"c\",\"modified\":\"m\",\"1.0.0\":\"t1\","
                              "\"1.1.0\":\"t11\"}"));
    assert_null(strstr(s, "2.0.0"));
}

static void two_documents_make_one_unless_a_version_differs(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text first, out;
    struct err err;
    assert_works(trim_versions(pool, text_of(document), is_first, NULL, &first, &err), err);
    assert_works(trim_merge(pool, text_of(document), first, &out, &err), err);
    assert_string_equal(text_c(pool, out), document);
    assert_works(trim_merge(pool, first, text_of(document), &out, &err), err);
    assert_non_null(strstr(text_c(pool, out), "\"latest\":\"1.1.0\""));
    assert_non_null(strstr(text_c(pool, out), "\"integrity\":\"two\""));
    struct text other = TEXT("{\"name\":\"a\",\"versions\":{\"2.0.0\":{\"dist\":{\"integrity\":"
                             "\"else\"}}}}");
    assert_int_equal(trim_merge(pool, text_of(document), other, &out, &err), -1);
    assert_string_equal(err.code, "other_integrity");
}

static void what_is_malformed_is_refused(void **state)
{
    auto_pool struct pool *pool = pool_new();
    static const char *const bad[] = {"", "[", "{\"versions\":{\"1.0.0\":", "{\"versions\":[1]}x",
                                      "{\"versions\":{\"1.0.0\":{\"a\":}}}"};
    struct text out;
    struct err err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(trim_abbreviate(pool, text_of(bad[i]), &out, &err), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_abbreviated_form_has_what_installers_need),
        cmocka_unit_test(chosen_versions_take_their_times_and_tags_along),
        cmocka_unit_test(two_documents_make_one_unless_a_version_differs),
        cmocka_unit_test(what_is_malformed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
