#include "tests/unit/unit.h"

#include "core/clock.h"
#include "core/password.h"
#include "core/pool.h"

static void a_hash_fits_its_password_and_no_other(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text hash, other;
    struct err err;

    assert_works(password_hash(pool, TEXT("correct horse"), &hash, &err), err);
    assert_true(text_starts(hash, "$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_true(password_check(hash, TEXT("correct horse")));
    assert_false(password_check(hash, TEXT("correct horsf")));
    assert_false(password_check(hash, TEXT("correct hors")));
    assert_false(password_check(hash, TEXT_NONE));
    assert_works(password_hash(pool, TEXT("correct horse"), &other, &err), err);
    assert_false(text_eq(hash, other));
}

static void lengths_are_bounded(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text hash = TEXT_NONE;
    struct err err;
    char longest[257];

    memset(longest, 'x', sizeof(longest));
    assert_fails(password_hash(pool, TEXT("1234567"), &hash, &err), err, ERR_UNPROCESSABLE,
                 "password_too_short");
    assert_fails(password_hash(pool, TEXT("\xf0\x9f\x98\x80\xf0\x9f\x98\x80"), &hash, &err), err,
                 ERR_UNPROCESSABLE, "password_too_short");
    assert_fails(password_hash(pool, text_n(longest, 257), &hash, &err), err, ERR_UNPROCESSABLE,
                 "password_too_long");
    assert_null(hash.base);
    assert_works(password_hash(pool, text_n(longest, 256), &hash, &err), err);
    assert_true(password_check(hash, text_n(longest, 256)));
    assert_false(password_check(hash, text_n(longest, 257)));
}

static void a_hash_of_the_reference_implementation_is_understood(void **state)
{
    assert_true(
        password_check(TEXT("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5"
                            "h7TKyQwu9U1bMCHGi/4"),
                       TEXT("password")));
}

static void malformed_and_greedy_hashes_are_refused_in_bounded_time(void **state)
{
    static const char *const odd[] = {
        "",
        "x",
        "$argon2id$v=19$",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=4000000,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/"
        "4",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$",
        "$argon2id$v=19$m=256,t=2,p=1,x$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"};
    int64_t before = clock_mono_ms();

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(password_check(text_of(odd[i]), TEXT("password")));
    assert_true(clock_mono_ms() - before < 30000);
}

static int64_t time_of(struct text hash)
{
    int64_t before = clock_mono_ms();

    for (int i = 0; i < 5; i++)
        assert_false(password_check(hash, TEXT("some password")));
    return clock_mono_ms() - before;
}

static void an_unknown_user_costs_about_the_same_time(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text hash;
    struct err err;

    assert_works(password_hash(pool, TEXT("correct horse"), &hash, &err), err);
    int64_t known = time_of(hash), unknown = time_of(TEXT_NONE);
    assert_true(unknown * 4 >= known);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_hash_fits_its_password_and_no_other),
    cmocka_unit_test(lengths_are_bounded),
    cmocka_unit_test(a_hash_of_the_reference_implementation_is_understood),
    cmocka_unit_test(malformed_and_greedy_hashes_are_refused_in_bounded_time),
    cmocka_unit_test(an_unknown_user_costs_about_the_same_time),
};
UNIT_MAIN(tests)
