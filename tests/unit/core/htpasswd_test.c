#include "tests/unit/unit.h"

#include "core/htpasswd.h"
#include "core/password.h"
#include "core/pool.h"

/* Made by htpasswd, openssl passwd and Verdaccio. */
static const struct {
    const char *hash, *password;
} real[] = {
    {"$2y$05$9OnaTtpJ1JHaSF3SZhf.Eur3a7Uqzq2RV9XRrL.sLroB4hPa9ynay", "correct horse"},
    {"$2a$10$0JACDXl/rB.O0z3xK.hP.udLccylLQa6yhH73sB.vfo8aHrCEj99i", "alice has a password"},
    {"$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", "myPassword"},
    {"$apr1$lZL6V/ci$sQw6g73nRuoOIj/gnD18Z.", "myPassword"},
    {"{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=", "myPassword"},
    {"rqXexS6ZhobKA", "myPassword"},
};

static void what_an_htpasswd_file_holds_is_checked(void **state)
{
    for (size_t i = 0; i < sizeof(real) / sizeof(real[0]); i++) {
        struct text hash = text_of(real[i].hash);
        assert_true(htpasswd_known(hash));
        assert_true(htpasswd_check(hash, text_of(real[i].password)));
        assert_false(htpasswd_check(hash, TEXT("another")));
        assert_false(htpasswd_check(hash, TEXT_NONE));
        assert_false(htpasswd_check(hash, TEXT("")));
        assert_true(password_check(hash, text_of(real[i].password)));
    }
}

static void costly_and_malformed_hashes_are_not_known(void **state)
{
    static const char *const odd[] = {
        "",
        "x",
        "{PLAIN}myPassword",
        "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKN",
        "$2y$31$9OnaTtpJ1JHaSF3SZhf.EurqIl0EqMpdYYtP/u3Syp7jHkqX5hBMO",
        "$2x$05$9OnaTtpJ1JHaSF3SZhf.EurqIl0EqMpdYYtP/u3Syp7jHkqX5hBMO",
        "$2y$05$9OnaTtpJ1JHaSF3SZhf.EurqIl0EqMpdYYtP/u3Syp7jHkqX5hBM:",
        "$apr1$$eIMz/iKDkbtys/uU7LEK00",
        "$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK0",
        "$apr1$lZL6V/cixx$eIMz/iKDkbtys/uU7LEK00",
        "$6$rounds=999999999$saltsalt$x",
        "rqXexS6Zhob:A",
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        assert_false(htpasswd_known(text_of(odd[i])));
        assert_false(htpasswd_check(text_of(odd[i]), TEXT("myPassword")));
    }
    assert_false(htpasswd_known(text_n("rqXexS6Zhob\0A", 13)));
    assert_false(htpasswd_check(TEXT("rqXexS6ZhobKA"), text_n("myPasswo\0d", 10)));
}

static void a_short_password_that_was_taken_over_is_hashed_anew(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text hash;
    struct err err;

    assert_works(password_rehash(pool, TEXT("short"), &hash, &err), err);
    assert_true(text_starts(hash, "$argon2id$"));
    assert_false(htpasswd_known(hash));
    assert_true(password_check(hash, TEXT("short")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_htpasswd_file_holds_is_checked),
        cmocka_unit_test(costly_and_malformed_hashes_are_not_known),
        cmocka_unit_test(a_short_password_that_was_taken_over_is_hashed_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
