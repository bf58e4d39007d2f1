#include "tests/unit/unit.h"

#include "registry/jsonscan.h"

static int count(const char *object)
{
    struct jsonscan s;
    int n = 0;

    jsonscan_init(&s, text_of(object));
    while (jsonscan_next(&s))
        n++;
    return s.bad ? -1 : n;
}

static void members_come_in_order_as_written(void **state)
{
    struct jsonscan s;

    jsonscan_init(&s, TEXT(" { \"a\" : [1, {\"b\":\"]\"}] , \"c\\\"d\":\"x\\\\\",\"e\":-1.5e3 }"));
    assert_true(jsonscan_next(&s));
    assert_text(s.key, "a");
    assert_text(s.value, "[1, {\"b\":\"]\"}]");
    assert_true(jsonscan_next(&s));
    assert_text(s.key, "c\\\"d");
    assert_text(s.value, "\"x\\\\\"");
    assert_true(jsonscan_next(&s));
    assert_text(s.value, "-1.5e3");
    assert_false(jsonscan_next(&s));
    assert_false(s.bad);
}

static void broken_objects_are_told_apart_from_ended_ones(void **state)
{
    static const char *const bad[] = {"",         "[]",        "{",          "{\"a\"",
                                      "{\"a\":",  "{\"a\":1",  "{\"a\":1,}", "{\"a\":1 \"b\":2}",
                                      "{a:1}",    "{\"a\":[}", "{\"a\":{]}", "{\"a\":\"x}",
                                      "{\"a\":}", "{,}"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(count(bad[i]), -1);
    assert_int_equal(count("{}"), 0);
    assert_int_equal(count("{\"\":{}}"), 1);
}

static void depth_has_a_ceiling(void **state)
{
    char deep[201] = {0};

    memset(deep, '[', sizeof deep - 1);
    memcpy(deep, "{\"a\":", 5);
    assert_int_equal(count(deep), -1);
    memset(deep + 5 + 64, ']', 64);
    memcpy(deep + 5 + 128, "}", 2);
    assert_int_equal(count(deep), 1);
}

static void values_are_found_by_key(void **state)
{
    struct text object = TEXT("{\"dist\":{\"tarball\":\"u\"},\"x\":\"a\\/b\",\"n\":1}");

    assert_text(jsonscan_string(jsonscan_get(jsonscan_get(object, "dist"), "tarball")), "u");
    assert_null(jsonscan_string(jsonscan_get(object, "x")).base);
    assert_null(jsonscan_string(jsonscan_get(object, "n")).base);
    assert_null(jsonscan_get(object, "y").base);
    assert_null(jsonscan_get(TEXT_NONE, "y").base);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(members_come_in_order_as_written),
    cmocka_unit_test(broken_objects_are_told_apart_from_ended_ones),
    cmocka_unit_test(depth_has_a_ceiling),
    cmocka_unit_test(values_are_found_by_key),
};
UNIT_MAIN(tests)
