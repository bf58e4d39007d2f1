#include "tests/unit/unit.h"

#include "core/clock.h"
#include "core/pool.h"

static void iso_shows_milliseconds_in_utc(void **state)
{
    auto_pool struct pool *pool = pool_new();

    assert_string_equal(clock_iso(pool, 0), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_iso(pool, 1795514400007), "2026-11-24T10:00:00.007Z");
    assert_string_equal(clock_iso(pool, -1), "1969-12-31T23:59:59.999Z");
}

static void iso_stays_within_four_digits_of_year(void **state)
{
    auto_pool struct pool *pool = pool_new();

    assert_string_equal(clock_iso(pool, INT64_MAX), "9999-12-31T23:59:59.999Z");
    assert_string_equal(clock_iso(pool, INT64_MIN), "0001-01-01T00:00:00.000Z");
}

static void http_date_is_imf_fixdate(void **state)
{
    auto_pool struct pool *pool = pool_new();

    assert_string_equal(clock_http(pool, 784111777000), "Sun, 06 Nov 1994 08:49:37 GMT");
}

static void monotonic_time_does_not_go_back(void **state)
{
    int64_t before = clock_mono_ms();

    assert_true(clock_mono_ms() >= before);
    assert_true(clock_wall_ms() > 1700000000000);
}

static void an_iso_time_is_read_as_it_was_written(void **state)
{
    auto_pool struct pool *pool = pool_new();
    static const int64_t times[] = {0,  951782400000,   1795795238746, 4107542399999,
                                    -1, -62135596800000};
    static const char *const odd[] = {"",
                                      "2026-11-27",
                                      "2026-11-27T16:00:38.746",
                                      "2026-11-27T16:00:38.746+01:00",
                                      "2026-13-27T16:00:38Z",
                                      "2026-11-27 16:00:38Z",
                                      "2026-11-27T16:00:38.Z",
                                      "2026-11-27T16:00:38.-12Z",
                                      "-026-11-27T16:00:38.746Z",
                                      "2026-11-27T24:00:38Z"};
    int64_t ms = 7;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        assert_true(clock_parse_iso(text_of(clock_iso(pool, times[i])), &ms));
        assert_int_equal(ms, times[i]);
    }
    assert_true(clock_parse_iso(TEXT("2026-11-27T16:00:38Z"), &ms));
    assert_int_equal(ms, 1795795238000);
    assert_true(clock_parse_iso(TEXT("2026-11-27T16:00:38.7Z"), &ms));
    assert_int_equal(ms, 1795795238700);
    assert_true(clock_parse_iso(TEXT("2026-11-27T16:00:38.746123Z"), &ms));
    assert_int_equal(ms, 1795795238746);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(clock_parse_iso(text_of(odd[i]), &ms));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(iso_shows_milliseconds_in_utc),
    cmocka_unit_test(iso_stays_within_four_digits_of_year),
    cmocka_unit_test(an_iso_time_is_read_as_it_was_written),
    cmocka_unit_test(http_date_is_imf_fixdate),
    cmocka_unit_test(monotonic_time_does_not_go_back),
};
UNIT_MAIN(tests)
