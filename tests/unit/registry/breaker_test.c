/* One uplink's breaker, at times that the test makes up. */
#include "tests/unit/unit.h"

#include "core/err.h"
#include "registry/uplink/breaker.h"

#include <string.h>

static enum breaker_state state_of(struct breaker *b, int64_t now, int64_t *next)
{
    struct breaker_view v;
    breaker_look(b, now, &v);
    if (next != NULL)
        *next = v.next_in_ms;
    return v.state;
}

static void fails(struct breaker *b, int64_t now, int64_t rest)
{
    struct err err;
    assert_int_equal(breaker_enter(b, now, &err), 0);
    breaker_leave(b, "It is away.", rest, now);
}

static void five_failures_in_a_row_open_it_and_four_do_not(void **state)
{
    struct breaker *b = breaker_new("x");
    struct err err;
    int64_t next;
    for (int i = 0; i < 4; i++)
        fails(b, 1000, 0);
    assert_int_equal(breaker_enter(b, 1000, &err), 0);
    breaker_leave(b, NULL, 0, 1000);
    for (int i = 0; i < 4; i++)
        fails(b, 1000, 0);
    assert_int_equal(state_of(b, 1000, NULL), BREAKER_CLOSED);
    fails(b, 1000, 0);
    assert_int_equal(state_of(b, 1000, &next), BREAKER_OPEN);
    assert_in_range(next, 1000, 2000);
    assert_int_equal(breaker_enter(b, 1000, &err), -1);
    assert_string_equal(err.code, "uplink_resting");
    /* the cause may name addresses, and this is told to clients */
    assert_non_null(strstr(err.text, "is asked again in"));
    assert_null(strstr(err.text, "It is away."));
    breaker_free(b);
}

static void one_request_probes_and_decides(void **state)
{
    struct breaker *b = breaker_new("x");
    struct err err;
    int64_t next;
    for (int i = 0; i < 5; i++)
        fails(b, 0, 0);
    assert_int_equal(breaker_enter(b, 2000, &err), 0);
    assert_int_equal(state_of(b, 2000, NULL), BREAKER_HALF_OPEN);
    assert_int_equal(breaker_enter(b, 2000, &err), -1);
    breaker_leave(b, "Still away.", 0, 2000);
    assert_int_equal(state_of(b, 2000, &next), BREAKER_OPEN);
    assert_in_range(next, 2000, 4000);
    assert_int_equal(breaker_enter(b, 6000, &err), 0);
    breaker_leave(b, NULL, 0, 6000);
    assert_int_equal(state_of(b, 6000, NULL), BREAKER_CLOSED);
    assert_int_equal(breaker_enter(b, 6000, &err), 0);
    breaker_leave(b, NULL, 0, 6000);
    breaker_free(b);
}

static void rests_grow_to_a_minute_and_no_further(void **state)
{
    struct breaker *b = breaker_new("x");
    int64_t now = 0, next = 0;
    for (int i = 0; i < 5; i++)
        fails(b, now, 0);
    for (int i = 0; i < 12; i++) {
        state_of(b, now, &next);
        assert_in_range(next, 1000, 60000);
        now += next;
        fails(b, now, 0);
    }
    state_of(b, now, &next);
    assert_in_range(next, 30000, 60000);
    breaker_free(b);
}

static void what_the_uplink_asks_for_is_kept_to(void **state)
{
    struct breaker *b = breaker_new("x");
    struct err err;
    int64_t next;
    fails(b, 0, 30000);
    assert_int_equal(state_of(b, 0, &next), BREAKER_OPEN);
    assert_int_equal(next, 30000);
    assert_int_equal(breaker_enter(b, 29999, &err), -1);
    assert_int_equal(breaker_enter(b, 30000, &err), 0);
    breaker_cancel(b);
    assert_int_equal(breaker_enter(b, 30000, &err), 0);
    breaker_leave(b, "Away.", 86400000, 30000);
    state_of(b, 30000, &next);
    assert_int_equal(next, 300000);
    breaker_free(b);
}

static void pauses_between_tries_double_and_differ(void **state)
{
    for (unsigned n = 1; n < 10; n++) {
        int64_t most = n < 6 ? 100 << n : 5000;
        int64_t ms = breaker_backoff_ms(n);
        assert_in_range(ms, most / 2, most < 5000 ? most : 5000);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_failures_in_a_row_open_it_and_four_do_not),
        cmocka_unit_test(one_request_probes_and_decides),
        cmocka_unit_test(rests_grow_to_a_minute_and_no_further),
        cmocka_unit_test(what_the_uplink_asks_for_is_kept_to),
        cmocka_unit_test(pauses_between_tries_double_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
