#include "tests/unit/unit.h"

#include <errno.h>

static void set_fills_kind_code_and_sentence(void **state)
{
    struct err err;

    assert_int_equal(err_set(&err, ERR_CONFLICT, "slug_taken", "The slug %s is taken.", "a"), -1);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.code, "slug_taken");
    assert_string_equal(err.text, "The slug a is taken.");
}

static void set_without_a_place_still_fails(void **state)
{
    assert_int_equal(err_set(NULL, ERR_INVALID, "x", "y"), -1);
    errno = EPERM;
    assert_int_equal(err_errno(NULL, "y"), -1);
}

static void a_sentence_may_quote_the_one_before(void **state)
{
    struct err err;

    err_set(&err, ERR_INVALID, "x", "inner");
    err_set(&err, ERR_INVALID, "x", "outer: %s", err.text);
    assert_string_equal(err.text, "outer: inner");
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
    char wide[600];
    struct err err;

    for (size_t i = 0; i < 300; i++)
        memcpy(wide + i * 2, "\xc3\xa9", 2);
    err_set(&err, ERR_INVALID, "x", "a%.*s", (int)sizeof(wide), wide);
    assert_true(text_is_utf8(text_of(err.text)));
    assert_int_equal(strlen(err.text), 239);
    err_set(&err, ERR_INVALID, "x", "%.*s", (int)sizeof(wide), wide);
    assert_int_equal(strlen(err.text), 238);
}

static void errno_is_named_and_kept(void **state)
{
    struct err err;

    errno = EACCES;
    assert_int_equal(err_errno(&err, "%s cannot be written", "a"), -1);
    assert_int_equal(err.kind, ERR_INTERNAL);
    assert_string_equal(err.text, "a cannot be written: Permission denied");
    assert_int_equal(errno, EACCES);
}

static void a_full_disk_has_a_kind_of_its_own(void **state)
{
    static const int full[] = {ENOSPC, EDQUOT};
    struct err err;

    for (size_t i = 0; i < 2; i++) {
        errno = full[i];
        assert_fails(err_errno(&err, "%s cannot be written", "a"), err, ERR_NO_SPACE, "disk_full");
        assert_non_null(strstr(err.text, "disk is full"));
        assert_int_equal(errno, full[i]);
    }
}

static void every_kind_has_its_status(void **state)
{
    static const int statuses[] = {400, 401, 403, 404, 409, 410, 412, 413,
                                   415, 422, 429, 500, 502, 503, 504, 507};

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        assert_int_equal(err_status((enum err_kind)i), statuses[i]);
    assert_int_equal(err_status(ERR_TIMEOUT), 504);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(set_fills_kind_code_and_sentence),
    cmocka_unit_test(set_without_a_place_still_fails),
    cmocka_unit_test(a_sentence_may_quote_the_one_before),
    cmocka_unit_test(a_long_sentence_is_cut_between_characters),
    cmocka_unit_test(errno_is_named_and_kept),
    cmocka_unit_test(a_full_disk_has_a_kind_of_its_own),
    cmocka_unit_test(every_kind_has_its_status),
};
UNIT_MAIN(tests)
