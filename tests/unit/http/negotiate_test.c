#include "http/negotiate.h"

#include "http/encode.h"
#include "tests/unit/unit.h"

static void tags_are_compared_weakly_and_in_lists(void **state)
{
    static const char *const has[] = {"\"a\"", "W/\"a\"", "\"b\", \"a\"",  "\"b\",W/\"a\"",
                                      "*",     " * ",     "\"x,y\", \"a\""};
    static const char *const has_not[] = {
        "", "a", "\"a", "a\"", "\"A\"", "\"b\"", "\"b\" x \"a\"", "w/\"a\"", "\"a \"", "**"};
    for (size_t i = 0; i < sizeof(has) / sizeof(has[0]); i++) {
        assert_true(negotiate_has(text_of(has[i]), TEXT("\"a\"")));
        assert_true(negotiate_has(text_of(has[i]), TEXT("W/\"a\"")));
    }
    for (size_t i = 0; i < sizeof(has_not) / sizeof(has_not[0]); i++)
        assert_false(negotiate_has(text_of(has_not[i]), TEXT("\"a\"")));
    assert_false(negotiate_has(TEXT_NONE, TEXT("\"a\"")));
}

static void encodings_are_taken_as_said(void **state)
{
    enum { PLAIN = 1 << CODING_PLAIN, GZIP = 1 << CODING_GZIP, ZSTD = 1 << CODING_ZSTD };
    static const struct {
        const char *header;
        unsigned taken;
    } cases[] = {
        {"", PLAIN},
        {"identity", PLAIN},
        {"gzip", PLAIN | GZIP},
        {"GZip , br", PLAIN | GZIP},
        {"gzip;q=0", PLAIN},
        {"gzip; q=0.000", PLAIN},
        {"gzip;q=0.001", PLAIN | GZIP},
        {"deflate, gzip, br, zstd", PLAIN | GZIP | ZSTD},
        {"*", PLAIN | GZIP},
        {"*;q=0", PLAIN},
        {"*, gzip;q=0", PLAIN},
        {"zstd, *;q=0", PLAIN | ZSTD},
        {"gzipx, xgzip", PLAIN},
        {",,;;,", PLAIN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(negotiate_codings(text_of(cases[i].header)), cases[i].taken);
    assert_int_equal(negotiate_codings(TEXT_NONE), PLAIN);
}

static void assert_range(const char *header, uint64_t size, uint64_t from, uint64_t len)
{
    uint64_t a = 0, n = 0;
    assert_int_equal(negotiate_range(text_of(header), size, &a, &n), RANGE_PART);
    assert_int_equal(a, from);
    assert_int_equal(n, len);
}

static void ranges_are_cut_to_the_size(void **state)
{
    assert_range("bytes=0-0", 10, 0, 1);
    assert_range("bytes=3-", 10, 3, 7);
    assert_range("Bytes=3-99", 10, 3, 7);
    assert_range("bytes=-3", 10, 7, 3);
    assert_range("bytes=-30", 10, 0, 10);
    assert_range("bytes=9-9223372036854775807", 10, 9, 1);
}

static void odd_ranges_mean_all_and_those_past_the_end_nothing(void **state)
{
    static const char *const all[] = {"",
                                      "bytes",
                                      "bytes=",
                                      "bytes=-",
                                      "bytes=x-1",
                                      "bytes=1-x",
                                      "bytes=2-1",
                                      "bytes=0-1,3-4",
                                      "rows=0-1",
                                      "bytes=1",
                                      "bytes=--1",
                                      "bytes=- 1",
                                      "bytes=99999999999999999999-"};
    uint64_t from, len;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        assert_int_equal(negotiate_range(text_of(all[i]), 10, &from, &len), RANGE_ALL);
    assert_int_equal(negotiate_range(TEXT_NONE, 10, &from, &len), RANGE_ALL);
    assert_int_equal(negotiate_range(TEXT("bytes=10-"), 10, &from, &len), RANGE_NEVER);
    assert_int_equal(negotiate_range(TEXT("bytes=0-"), 0, &from, &len), RANGE_NEVER);
    assert_int_equal(negotiate_range(TEXT("bytes=-0"), 10, &from, &len), RANGE_NEVER);
    assert_int_equal(negotiate_range(TEXT("bytes=-1"), 0, &from, &len), RANGE_NEVER);
}

static void what_is_not_worth_it_is_not_compressed(void **state)
{
    static char text[20000];
    unsigned char noise[5000];
    unsigned seed = 1;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (unsigned char)((seed = seed * 1103515245u + 12345u) >> 16);
    for (enum coding coding = CODING_GZIP; coding < CODING_COUNT; coding++) {
        struct text packed = encode(text_n(text, sizeof(text)), coding);
        assert_non_null(packed.base);
        assert_true(packed.len < 1000);
        free((char *)(uintptr_t)packed.base);
        assert_null(encode(text_n(noise, sizeof(noise)), coding).base);
        assert_null(encode(TEXT("a"), coding).base);
        assert_null(encode(TEXT(""), coding).base);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(tags_are_compared_weakly_and_in_lists),
    cmocka_unit_test(encodings_are_taken_as_said),
    cmocka_unit_test(ranges_are_cut_to_the_size),
    cmocka_unit_test(odd_ranges_mean_all_and_those_past_the_end_nothing),
    cmocka_unit_test(what_is_not_worth_it_is_not_compressed),
};

UNIT_MAIN(tests)
