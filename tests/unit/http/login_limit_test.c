#include "tests/unit/http/world.h"

static void a_right_password_logs_in_and_a_wrong_one_does_not(void **state)
{
    struct world *w = *state;
    const char *user;
    struct err err;

    assert_int_equal(account_login(w->account, w->pool, TEXT("ada"), TEXT("correct horse"),
                                   TEXT("::1"), &user, &err),
                     0);
    assert_string_equal(user, w->user);
    assert_int_equal(account_login(w->account, w->pool, TEXT("ada"), TEXT("wrong horse"),
                                   TEXT("::1"), &user, &err),
                     -1);
    assert_string_equal(err.code, "bad_credentials");
    assert_int_equal(account_login(w->account, w->pool, TEXT("bob"), TEXT("wrong horse"),
                                   TEXT("::1"), &user, &err),
                     -1);
    assert_string_equal(err.code, "bad_credentials");
}

static const char *try_login(struct world *w, const char *name, const char *password,
                             const char *address)
{
    static struct err err;
    const char *user;

    return account_login(w->account, w->pool, text_of(name), text_of(password), text_of(address),
                         &user, &err) == 0
               ? "in"
               : err.code;
}

static void a_name_is_locked_after_ten_failures_but_not_for_others(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 10; i++)
        assert_string_equal(try_login(w, "eve", "wrong horse", "192.0.2.1"), "bad_credentials");
    assert_string_equal(try_login(w, "eve", "wrong horse", "192.0.2.9"), "login_limited");
    assert_string_equal(try_login(w, "ada", "correct horse", "192.0.2.1"), "in");
}

static void strangers_cannot_lock_a_person_out_of_an_address_they_logged_in_from(void **state)
{
    struct world *w = *state;

    assert_string_equal(try_login(w, "ada", "correct horse", "192.0.2.7"), "in");
    for (int i = 0; i < 10; i++)
        assert_string_equal(try_login(w, "ada", "wrong horse", "198.51.100.1"), "bad_credentials");
    assert_string_equal(try_login(w, "ada", "correct horse", "198.51.100.2"), "login_limited");
    for (int i = 0; i < 9; i++)
        assert_string_equal(try_login(w, "ada", "wrong horse", "192.0.2.7"), "bad_credentials");
    assert_string_equal(try_login(w, "ada", "correct horse", "192.0.2.7"), "in");
    for (int i = 0; i < 10; i++)
        assert_string_equal(try_login(w, "ada", "wrong horse", "192.0.2.7"), "bad_credentials");
    assert_string_equal(try_login(w, "ada", "correct horse", "192.0.2.7"), "login_limited");
}

static void an_address_is_locked_after_thirty_failures_by_its_network(void **state)
{
    struct account_limits *limits = account_limits_new();
    char name[16];

    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        assert_true(account_limit_allows(limits, text_of(name), TEXT("2001:db8:1:2::1")));
        account_limit_failed(limits, text_of(name), TEXT("2001:db8:1:2:ffff::9"));
        account_limit_failed(limits, text_of(name), TEXT("::ffff:192.0.2.1"));
    }
    assert_false(account_limit_allows(limits, TEXT("ada"), TEXT("2001:db8:1:2::77")));
    assert_true(account_limit_allows(limits, TEXT("ada"), TEXT("2001:db8:1:3::77")));
    assert_false(account_limit_allows(limits, TEXT("ada"), TEXT("::ffff:192.0.2.1")));
    assert_true(account_limit_allows(limits, TEXT("ada"), TEXT("::ffff:192.0.2.2")));
    account_limits_free(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_right_password_logs_in_and_a_wrong_one_does_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_locked_after_ten_failures_but_not_for_others,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            strangers_cannot_lock_a_person_out_of_an_address_they_logged_in_from, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(an_address_is_locked_after_thirty_failures_by_its_network,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
