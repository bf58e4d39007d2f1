#include "tests/unit/unit.h"

#include "core/pool.h"

static void comparing_is_bytewise(void **state)
{
    assert_true(text_eq(TEXT("ab"), TEXT("ab")));
    assert_false(text_eq(TEXT("ab"), TEXT("abc")));
    assert_true(text_eq(TEXT_NONE, TEXT("")));
    assert_true(text_is(TEXT("x"), "x"));
    assert_true(text_eq_nocase(TEXT("Content-TYPE"), TEXT("content-type")));
    assert_false(text_eq_nocase(TEXT("["), TEXT("{")));
    assert_true(text_cmp(TEXT("a"), TEXT("b")) < 0);
    assert_true(text_cmp(TEXT("ab"), TEXT("a")) > 0);
    assert_true(text_cmp(TEXT("\xff"), TEXT("a")) > 0);
    assert_int_equal(text_cmp(TEXT_NONE, TEXT("")), 0);
}

static void finding_and_cutting(void **state)
{
    struct text rest = TEXT("a,,b"), part;

    assert_true(text_starts(TEXT("abc"), "ab"));
    assert_false(text_starts(TEXT("a"), "ab"));
    assert_true(text_ends(TEXT("abc"), "bc"));
    assert_true(text_ends(TEXT_NONE, ""));
    assert_int_equal(text_find(TEXT("abca"), 'a', 1), 3);
    assert_true(text_find(TEXT("abca"), 'a', 4) == SIZE_MAX);
    assert_true(text_has(text_n("a\0b", 3), '\0'));
    assert_text(text_sub(TEXT("abc"), 1, 100), "bc");
    assert_text(text_sub(TEXT("abc"), 9, 1), "");
    assert_text(text_trim(TEXT(" \ta b\t ")), "a b");
    assert_true(text_cut(&rest, ',', &part));
    assert_text(part, "a");
    assert_true(text_cut(&rest, ',', &part));
    assert_text(part, "");
    assert_true(text_cut(&rest, ',', &part));
    assert_text(part, "b");
    assert_false(text_cut(&rest, ',', &part));
    rest = TEXT("a,");
    assert_true(text_cut(&rest, ',', &part));
    assert_true(text_cut(&rest, ',', &part));
    assert_text(part, "");
    assert_false(text_cut(&rest, ',', &part));
}

static void numbers_are_whole_and_bounded(void **state)
{
    static const char *const refused[] = {"",
                                          "-",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "1.0",
                                          "0x1",
                                          "1e3",
                                          "9223372036854775808",
                                          "-9223372036854775809"};
    int64_t n = 7;

    assert_true(text_number(TEXT("0"), 0, 9, &n));
    assert_int_equal(n, 0);
    assert_true(text_number(TEXT("-12"), -20, 0, &n));
    assert_int_equal(n, -12);
    assert_true(text_number(TEXT("9223372036854775807"), 0, INT64_MAX, &n));
    assert_true(n == INT64_MAX);
    assert_true(text_number(TEXT("-9223372036854775808"), INT64_MIN, 0, &n));
    assert_true(n == INT64_MIN);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_false(text_number(text_of(refused[i]), INT64_MIN, INT64_MAX, &n));
    assert_false(text_number(TEXT("10"), 0, 9, &n));
    assert_true(n == INT64_MIN);
}

static void durations_have_a_unit(void **state)
{
    int64_t ms;

    assert_true(text_duration_ms(TEXT("30d"), &ms));
    assert_int_equal(ms, 30 * 86400000LL);
    assert_true(text_duration_ms(TEXT("12h"), &ms));
    assert_int_equal(ms, 43200000);
    assert_true(text_duration_ms(TEXT("5m"), &ms));
    assert_int_equal(ms, 300000);
    assert_true(text_duration_ms(TEXT("20s"), &ms));
    assert_int_equal(ms, 20000);
    assert_true(text_duration_ms(TEXT("150ms"), &ms));
    assert_int_equal(ms, 150);
    assert_false(text_duration_ms(TEXT("150"), &ms));
    assert_false(text_duration_ms(TEXT("-1s"), &ms));
    assert_false(text_duration_ms(TEXT("ms"), &ms));
    assert_false(text_duration_ms(TEXT("1.5h"), &ms));
    assert_false(text_duration_ms(TEXT("9223372036854775807d"), &ms));
}

static void only_well_formed_utf8_passes(void **state)
{
    static const char *const bad[] = {"\x80",
                                      "\xc3",
                                      "\xc0\xaf",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "12345678\xff",
                                      "\xe2\x82"};

    assert_true(text_is_utf8(TEXT_NONE));
    assert_true(text_is_utf8(TEXT("plain ascii that is longer than eight")));
    assert_true(text_is_utf8(TEXT("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf")));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(text_is_utf8(text_of(bad[i])));
    assert_int_equal(text_utf8_prefix(TEXT("abcdefgh\xc3\xa9\xff")), 10);
    assert_false(text_is_printable(TEXT("a\nb")));
    assert_false(text_is_printable(TEXT("a\x7f")));
    assert_true(text_is_printable(TEXT("a \xc3\xa9")));
}

static void copies_live_in_the_pool(void **state)
{
    auto_pool struct pool *pool = pool_new();

    assert_string_equal(text_c(pool, TEXT("abc")), "abc");
    assert_string_equal(text_c(pool, TEXT_NONE), "");
    assert_null(text_dup(pool, TEXT_NONE).base);
    assert_non_null(text_dup(pool, TEXT("")).base);
    assert_text(text_lower(pool, TEXT("AbZ[")), "abz[");
    assert_text(text_printf(pool, "%d-%.*s", 7, TEXT_ARG(TEXT("x"))), "7-x");
}

static void hash_is_fnv1a(void **state)
{
    assert_true(text_hash(TEXT_NONE) == 0xcbf29ce484222325u);
    assert_true(text_hash(TEXT("a")) == 0xaf63dc4c8601ec8cu);
    assert_true(text_hash(TEXT("foobar")) == 0x85944171f73967e8u);
}

static void glob_knows_only_the_star(void **state)
{
    assert_true(text_glob(TEXT("*"), TEXT("")));
    assert_true(text_glob(TEXT("v*.*"), TEXT("v1.2")));
    assert_true(text_glob(TEXT("a*bc*d"), TEXT("abcbcd")));
    assert_false(text_glob(TEXT("a*bc*d"), TEXT("abcb")));
    assert_false(text_glob(TEXT("a?"), TEXT("ab")));
    assert_true(text_glob(TEXT("a?"), TEXT("a?")));
    assert_false(text_glob(TEXT(""), TEXT("a")));
    assert_true(text_glob(TEXT("release/*"), TEXT("release/a/b")));
}

static void glob_with_many_stars_ends_soon(void **state)
{
    char pattern[402], name[20000];

    for (size_t i = 0; i < 400; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[400] = 'b';
    memset(name, 'a', sizeof(name));
    assert_false(text_glob(text_n(pattern, 401), text_n(name, sizeof(name))));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(comparing_is_bytewise),
    cmocka_unit_test(finding_and_cutting),
    cmocka_unit_test(numbers_are_whole_and_bounded),
    cmocka_unit_test(durations_have_a_unit),
    cmocka_unit_test(only_well_formed_utf8_passes),
    cmocka_unit_test(copies_live_in_the_pool),
    cmocka_unit_test(hash_is_fnv1a),
    cmocka_unit_test(glob_knows_only_the_star),
    cmocka_unit_test(glob_with_many_stars_ends_soon),
};
UNIT_MAIN(tests)
