#include "tests/unit/unit.h"

#include "core/err.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/login.h"

#define PEER TEXT("192.0.2.1")

static const struct identity ada = {
    .kind = IDENTITY_TOKEN, .user = "01ada", .name = "ada", .credential = "01laptop"};

static void a_token_is_handed_to_who_polls_and_once(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct logins *l = logins_new();
    struct text page, poll, token;
    struct login_seen seen;
    struct err err;

    assert_int_equal(login_begin(l, pool, PEER, &page, &poll, &err), 0);
    assert_int_equal(login_poll(l, pool, poll, &token), LOGIN_WAITING);
    assert_int_equal(login_poll(l, pool, page, &token), LOGIN_UNKNOWN);
    assert_true(login_find(l, pool, page, &seen));
    assert_false(seen.code);
    assert_null(seen.user);
    assert_false(login_allow_code(l, page));
    assert_true(login_allow(l, page, TEXT("rh_secret")));
    assert_false(login_allow(l, page, TEXT("rh_other")));
    assert_int_equal(login_poll(l, pool, poll, &token), LOGIN_DONE);
    assert_text(token, "rh_secret");
    assert_int_equal(login_poll(l, pool, poll, &token), LOGIN_UNKNOWN);
    logins_free(l);
}

static void who_owes_a_code_is_remembered(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct logins *l = logins_new();
    struct text page, poll;
    struct login_seen seen;
    struct err err;

    assert_int_equal(login_begin(l, pool, PEER, &page, &poll, &err), 0);
    login_owe(l, page, "01ada", TEXT("ada"));
    assert_true(login_find(l, pool, page, &seen));
    assert_false(seen.code);
    assert_string_equal(seen.user, "01ada");
    assert_text(seen.name, "ada");
    logins_free(l);
}

static void a_pass_serves_its_person_with_its_credential_only(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct logins *l = logins_new();
    struct identity other = ada, elsewhere = ada;
    struct text page, poll, pass;
    struct login_seen seen;
    struct err err;

    other.user = "01eve";
    elsewhere.credential = "01desk";
    assert_int_equal(login_begin_code(l, pool, PEER, &ada, &page, &poll, &err), 0);
    assert_true(login_find(l, pool, page, &seen));
    assert_true(seen.code);
    assert_string_equal(seen.user, "01ada");
    login_owe(l, page, "01eve", TEXT("eve"));
    assert_true(login_find(l, pool, page, &seen));
    assert_string_equal(seen.user, "01ada");
    assert_false(login_allow(l, page, TEXT("rh_secret")));
    assert_true(login_allow_code(l, page));
    assert_false(login_allow_code(l, page));
    assert_int_equal(login_poll(l, pool, poll, &pass), LOGIN_DONE);
    assert_true(login_is_pass(l, &ada, pass));
    assert_true(login_is_pass(l, &ada, pass));
    assert_false(login_is_pass(l, &other, pass));
    assert_false(login_is_pass(l, &elsewhere, pass));
    assert_false(login_is_pass(l, &ada, page));
    assert_false(login_is_pass(l, &ada, TEXT("")));
    logins_free(l);
}

static void of_many_passes_the_oldest_gives_way(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct logins *l = logins_new();
    struct text page, poll, first = TEXT_NONE, pass = TEXT_NONE;
    struct err err;

    for (int i = 0; i < 1001; i++) {
        assert_int_equal(login_begin_code(l, pool, PEER, &ada, &page, &poll, &err), 0);
        assert_true(login_allow_code(l, page));
        assert_int_equal(login_poll(l, pool, poll, &pass), LOGIN_DONE);
        if (i == 0)
            first = pass;
    }
    assert_false(login_is_pass(l, &ada, first));
    assert_true(login_is_pass(l, &ada, pass));
    logins_free(l);
}

static void an_address_has_so_many_open_and_no_more(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct logins *l = logins_new();
    struct text page, poll;
    struct err err;

    for (int i = 0; i < 20; i++)
        assert_int_equal(login_begin_code(l, pool, PEER, &ada, &page, &poll, &err), 0);
    assert_int_equal(login_begin(l, pool, PEER, &page, &poll, &err), -1);
    assert_string_equal(err.code, "too_many_logins");
    assert_int_equal(login_begin(l, pool, TEXT("192.0.2.2"), &page, &poll, &err), 0);
    logins_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_handed_to_who_polls_and_once),
        cmocka_unit_test(who_owes_a_code_is_remembered),
        cmocka_unit_test(a_pass_serves_its_person_with_its_credential_only),
        cmocka_unit_test(of_many_passes_the_oldest_gives_way),
        cmocka_unit_test(an_address_has_so_many_open_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
