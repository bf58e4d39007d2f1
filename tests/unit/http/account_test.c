#include "tests/unit/http/world.h"

static void sessions_tokens_and_roles_are_as_they_were_after_a_restart(void **state)
{
    struct world *w = *state;
    struct account_token spec = {.user = w->user, .label = TEXT("ci"), .scopes = SCOPE_READ_ONLY};
    struct text cookie, token;
    struct identity who;
    char id[ACCOUNT_ID];
    struct err err;

    assert_int_equal(account_member_set(w->account, w->tenant, w->user, ROLE_OWNER, &err), 0);
    assert_int_equal(account_session_create(w->account, w->pool, w->user, TEXT("localhost"), NULL,
                                            &cookie, &err),
                     0);
    assert_int_equal(account_token_create(w->account, w->pool, &spec, &token, id, &err), 0);
    close_account(w);
    open_account(w);
    assert_true(session_lives(w, cookie, "localhost"));
    struct snapshot *s = account_snapshot(w->account);
    assert_true(account_token_find(s, token, &who));
    assert_true(identity_may(&who, w->tenant, SCOPE_PACKAGE_READ));
    assert_false(identity_may(&who, w->tenant, SCOPE_PACKAGE_PUBLISH));
    assert_false(identity_may(&who, "elsewhere", SCOPE_PACKAGE_READ));
    snapshot_drop(s);
}

static void a_removed_or_expired_token_is_dead(void **state)
{
    struct world *w = *state;
    struct account_token spec = {.user = w->user, .label = TEXT("ci"), .scopes = SCOPE_ALL};
    struct text token, old;
    struct identity who;
    char id[ACCOUNT_ID];
    struct err err;

    assert_int_equal(account_token_create(w->account, w->pool, &spec, &token, id, &err), 0);
    assert_true(token_lives(w, token, &who));
    assert_int_equal(account_token_remove(w->account, "somebody-else", text_of(id), &err), -1);
    assert_true(token_lives(w, token, &who));
    assert_int_equal(account_token_remove_value(w->account, token, &err), 0);
    assert_false(token_lives(w, token, &who));
    spec.expires_ms = 1;
    assert_int_equal(account_token_create(w->account, w->pool, &spec, &old, id, &err), 0);
    assert_false(token_lives(w, old, &who));
}

static void an_instance_token_of_an_older_generation_is_retired(void **state)
{
    struct world *w = *state;
    struct account_token spec = {.label = TEXT("instance"),
                                 .scopes = SCOPE_PACKAGE_READ,
                                 .instance = "01instance",
                                 .tenant = w->tenant,
                                 .generation = 1};
    struct text first, second;
    struct identity who;
    char id[ACCOUNT_ID];
    struct err err;

    assert_int_equal(account_token_create(w->account, w->pool, &spec, &first, id, &err), 0);
    spec.generation = 2;
    assert_int_equal(account_token_create(w->account, w->pool, &spec, &second, id, &err), 0);
    assert_int_equal(account_instance_tokens_retire(w->account, "01instance", 2, &err), 0);
    assert_false(token_lives(w, first, &who));
    assert_true(token_lives(w, second, &who));
    assert_int_equal(who.kind, IDENTITY_INSTANCE);
    assert_int_equal(who.generation, 2);
}

static void the_last_admin_stays(void **state)
{
    struct world *w = *state;
    struct account_user admin = {
        .name = TEXT("root"), .password = TEXT("correct horse"), .admin = true};
    char id[ACCOUNT_ID];
    struct err err;

    assert_int_equal(account_user_create(w->account, &admin, id, &err), 0);
    assert_int_equal(account_user_remove(w->account, TEXT("root"), &err), -1);
    assert_string_equal(err.code, "last_admin");
    assert_int_equal(account_user_remove(w->account, TEXT("ada"), &err), 0);
}

static void a_hash_from_an_htpasswd_file_is_ours_after_the_first_login(void **state)
{
    struct world *w = *state;
    struct account_user bob = {
        .name = TEXT("bob"),
        .hash = TEXT("$2y$05$9OnaTtpJ1JHaSF3SZhf.Eur3a7Uqzq2RV9XRrL.sLroB4hPa9ynay")};
    struct account_user odd = {.name = TEXT("odd"), .hash = TEXT("{PLAIN}secret")};
    static const char sql[] = "SELECT password FROM user WHERE name = 'bob'";
    struct text hash;
    const char *user;
    char id[ACCOUNT_ID];
    struct err err;

    assert_fails(account_user_create(w->account, &odd, id, &err), err, ERR_UNPROCESSABLE,
                 "bad_hash");
    assert_works(account_user_create(w->account, &bob, id, &err), err);
    assert_fails(account_login(w->account, w->pool, TEXT("bob"), TEXT("wrong horse"), TEXT("::1"),
                               &user, &err),
                 err, ERR_UNAUTHORIZED, "bad_credentials");
    for (int i = 0; i < 2; i++)
        assert_works(account_login(w->account, w->pool, TEXT("bob"), TEXT("correct horse"),
                                   TEXT("::1"), &user, &err),
                     err);
    assert_string_equal(user, id);
    auto_read struct db_read r = db_read(w->db, &err);
    assert_works(db_get(r.conn, w->pool, &err, sql, "", "s", &hash), err);
    assert_true(text_starts(hash, "$argon2id$"));
}

static void a_taken_slug_is_refused(void **state)
{
    struct world *w = *state;
    char id[ACCOUNT_ID];
    struct err err;

    assert_int_equal(account_tenant_create(w->account, TEXT("acme"), TEXT("Other"), id, &err), -1);
    assert_string_equal(err.code, "slug_taken");
    assert_int_equal(account_tenant_create(w->account, TEXT("www"), TEXT("Other"), id, &err), -1);
    assert_string_equal(err.code, "slug_reserved");
    assert_int_equal(account_tenant_create(w->account, TEXT("a--b"), TEXT("Other"), id, &err), -1);
    assert_string_equal(err.code, "bad_slug");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sessions_tokens_and_roles_are_as_they_were_after_a_restart,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_or_expired_token_is_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_instance_token_of_an_older_generation_is_retired, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_last_admin_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hash_from_an_htpasswd_file_is_ours_after_the_first_login,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_taken_slug_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
