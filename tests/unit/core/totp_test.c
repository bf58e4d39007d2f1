#include "tests/unit/unit.h"

#include "core/pool.h"
#include "core/totp.h"

#define SECRET TEXT("12345678901234567890")

/* RFC 6238, appendix B, SHA-1: the last six of its eight digits. */
static const struct {
    int64_t now_s;
    const char *code;
} vectors[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
               {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};

static void the_codes_are_those_of_rfc_6238(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        int64_t step = 0;
        assert_true(totp_find(SECRET, vectors[i].now_s, 0, text_of(vectors[i].code), &step));
        assert_int_equal(step, vectors[i].now_s / 30);
    }
}

static void a_code_is_good_one_step_before_and_after_its_own(void **state)
{
    struct text code = TEXT("050471");
    int64_t step, right = 1111111111 / 30;

    for (int64_t s = -3; s <= 3; s++) {
        bool found = totp_find(SECRET, (right + s) * 30, 0, code, &step);
        assert_int_equal(found, s >= -1 && s <= 1);
        if (found)
            assert_int_equal(step, right);
    }
}

static void a_step_that_was_used_is_over_and_so_are_those_before_it(void **state)
{
    int64_t step, right = 1111111111 / 30;

    assert_true(totp_find(SECRET, 1111111111, right - 1, TEXT("050471"), &step));
    assert_false(totp_find(SECRET, 1111111111, right, TEXT("050471"), &step));
    assert_false(totp_find(SECRET, 1111111111, right, TEXT("081804"), &step));
}

static void what_is_no_code_is_none(void **state)
{
    static const struct text wrong[] = {TEXT(""),       TEXT("05047"),  TEXT("0504711"),
                                        TEXT("050472"), TEXT("05o471"), TEXT(" 50471")};
    int64_t step;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(totp_find(SECRET, 1111111111, 0, wrong[i], &step));
    assert_false(totp_find(SECRET, 0, 5, TEXT("755224"), &step));
}

static void a_secret_is_written_in_base32(void **state)
{
    auto_pool struct pool *pool = pool_new();

    assert_true(text_is(totp_base32(pool, SECRET), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_codes_are_those_of_rfc_6238),
        cmocka_unit_test(a_code_is_good_one_step_before_and_after_its_own),
        cmocka_unit_test(a_step_that_was_used_is_over_and_so_are_those_before_it),
        cmocka_unit_test(what_is_no_code_is_none),
        cmocka_unit_test(a_secret_is_written_in_base32),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
