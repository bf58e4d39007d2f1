#include "http/limits.h"

#include "core/clock.h"
#include "core/json.h"
#include "tests/unit/http/world.h"

#define LIST(...)                                                                                  \
    ((struct limits_list){(struct text[]){__VA_ARGS__},                                            \
                          sizeof((struct text[]){__VA_ARGS__}) / sizeof(struct text)})

#define in_world(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static struct limits *make(const struct limits_spec *spec)
{
    struct limits *limits;
    struct err err;
    assert_works(limits_make(spec, &limits, &err), err);
    return limits;
}

static void assert_refused(const struct limits_spec *spec, const char *code)
{
    struct limits *limits;
    struct err err;
    assert_int_equal(limits_make(spec, &limits, &err), -1);
    assert_string_equal(err.code, code);
    assert_null(limits);
}

static void nothing_limited_is_no_object_and_allows_all(void **state)
{
    struct limits_spec spec = {0};
    assert_null(make(&spec));
    assert_true(limits_allow_address(NULL, TEXT("unix")));
    assert_true(limits_allow_name(NULL, TEXT("@acme/x")));
    assert_true(limits_allow_tenant(NULL, NULL));
    assert_false(limits_narrow(NULL));
}

static void each_list_holds_by_itself(void **state)
{
    struct limits_spec spec = {.addresses = LIST(TEXT("10.0.0.0/8"), TEXT("2001:db8::/32")),
                               .names = LIST(TEXT("@acme/*"), TEXT("red-hello")),
                               .tenants = LIST(TEXT("one"))};
    struct limits *limits = make(&spec);
    assert_true(limits_allow_address(limits, TEXT("10.2.3.4")));
    assert_true(limits_allow_address(limits, TEXT("::ffff:10.2.3.4")));
    assert_true(limits_allow_address(limits, TEXT("2001:db8::5")));
    assert_false(limits_allow_address(limits, TEXT("127.0.0.1")));
    assert_false(limits_allow_address(limits, TEXT("not an address")));
    assert_true(limits_allow_name(limits, TEXT("@acme/x")));
    assert_true(limits_allow_name(limits, TEXT("red-hello")));
    assert_false(limits_allow_name(limits, TEXT("@acme2/x")));
    assert_false(limits_allow_name(limits, TEXT("red-hello2")));
    assert_true(limits_allow_tenant(limits, "one"));
    assert_false(limits_allow_tenant(limits, "two"));
    assert_false(limits_allow_tenant(limits, NULL));
    assert_true(limits_narrow(limits));
    limits_drop(limits);
}

static void a_second_factor_that_is_passed_by_narrows_nothing(void **state)
{
    struct limits_spec spec = {.bypass_2fa = true};
    struct limits *limits = make(&spec);
    assert_true(limits_bypass_2fa(limits));
    assert_false(limits_narrow(limits));
    limits_drop(limits);
}

static void a_row_reads_back_as_it_was_written(void **state)
{
    struct world *w = *state;
    struct limits_spec spec = {.addresses = LIST(TEXT("::1")),
                               .names = LIST(TEXT("@acme/\"q\"*")),
                               .actor = TEXT("github"),
                               .bypass_2fa = true};
    struct limits *limits = make(&spec), *again;
    struct err err;
    assert_works(limits_read(w->pool, limits_write(limits, w->pool), &again, &err), err);
    assert_true(limits_allow_address(again, TEXT("::1")));
    assert_false(limits_allow_address(again, TEXT("::2")));
    assert_true(limits_allow_name(again, TEXT("@acme/\"q\"s")));
    assert_string_equal(limits_actor(again), "github");
    assert_true(limits_bypass_2fa(again));
    limits_drop(limits);
    limits_drop(again);
    assert_null(limits_write(NULL, w->pool).base);
    assert_works(limits_read(w->pool, TEXT_NONE, &again, &err), err);
    assert_null(again);
    assert_int_equal(limits_read(w->pool, TEXT("{\"addresses\":7}"), &again, &err), -1);
    assert_int_equal(limits_read(w->pool, TEXT("nothing"), &again, &err), -1);
}

static void what_cannot_be_a_limit_is_refused(void **state)
{
    static const char *const bad[] = {"", "a b", "a\nb", "\xff\xfe"};
    struct text many[LIMITS_MOST + 1];
    char longest[300];
    memset(longest, 'a', sizeof longest);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(&(struct limits_spec){.names = LIST(text_of(bad[i]))}, "bad_limit");
    assert_refused(&(struct limits_spec){.names = LIST(text_n(longest, sizeof longest))},
                   "bad_limit");
    assert_refused(&(struct limits_spec){.addresses = LIST(TEXT("10.0.0.0/64"))}, "bad_cidr");
    for (size_t i = 0; i <= LIMITS_MOST; i++)
        many[i] = TEXT("@acme/x");
    assert_refused(&(struct limits_spec){.names = {many, LIMITS_MOST + 1}}, "bad_limit");
}

static void a_token_keeps_its_limits_over_changes_and_a_restart(void **state)
{
    struct world *w = *state;
    struct limits_spec limits = {.names = LIST(TEXT("@acme/*")),
                                 .tenants = LIST(text_of(w->tenant))};
    struct account_token spec = {
        .user = w->user, .label = TEXT("ci"), .scopes = SCOPE_ALL, .limits = &limits};
    struct text token, other;
    struct identity who;
    char id[ACCOUNT_ID];
    struct err err;
    assert_works(account_member_set(w->account, w->tenant, w->user, ROLE_OWNER, &err), err);
    assert_works(account_token_create(w->account, w->pool, &spec, &token, id, &err), err);
    for (int i = 0; i < 20; i++)
        assert_works(account_token_create(w->account, w->pool, &spec, &other, id, &err), err);
    assert_works(account_token_remove_value(w->account, other, &err), err);
    assert_works(account_flush(w->account, &err), err);
    for (int turn = 0; turn < 2; turn++) {
        struct snapshot *s = account_snapshot(w->account);
        assert_true(account_token_find(s, token, &who));
        assert_false(limits_allow_name(who.limits, TEXT("@beta/x")));
        assert_true(identity_may(&who, w->tenant, SCOPE_TENANT_ADMIN));
        assert_true(identity_may(&who, w->tenant, SCOPE_PACKAGE_PUBLISH));
        assert_int_equal(who.narrowed & (SCOPE_PLATFORM | SCOPE_SOURCE_WRITE), 0);
        snapshot_drop(s);
        close_account(w);
        open_account(w);
    }
}

static void a_token_for_other_tenants_does_nothing_but_packages_here(void **state)
{
    struct world *w = *state;
    struct limits_spec limits = {.tenants = LIST(TEXT("elsewhere"))};
    struct account_token spec = {
        .user = w->user, .label = TEXT("ci"), .scopes = SCOPE_ALL, .limits = &limits};
    struct text token;
    struct identity who;
    char id[ACCOUNT_ID];
    struct err err;
    assert_works(account_member_set(w->account, w->tenant, w->user, ROLE_OWNER, &err), err);
    assert_works(account_token_create(w->account, w->pool, &spec, &token, id, &err), err);
    struct snapshot *s = account_snapshot(w->account);
    assert_true(account_token_find(s, token, &who));
    assert_int_equal(identity_scopes(&who, w->tenant), SCOPE_PACKAGES);
    snapshot_drop(s);
}

static void a_trusted_machine_may_touch_packages_of_its_tenant_only(void **state)
{
    struct world *w = *state;
    struct limits_spec limits = {.names = LIST(TEXT("@acme/x")), .actor = TEXT("github")};
    struct account_token spec = {
        .label = TEXT("trusted"), .scopes = SCOPE_ALL, .tenant = w->tenant, .limits = &limits};
    struct text token;
    struct identity who;
    char id[ACCOUNT_ID];
    struct err err;
    assert_works(account_token_create(w->account, w->pool, &spec, &token, id, &err), err);
    struct snapshot *s = account_snapshot(w->account);
    assert_true(account_token_find(s, token, &who));
    assert_int_equal(who.kind, IDENTITY_TRUSTED);
    assert_string_equal(who.name, "github");
    assert_null(who.user);
    assert_true(who.bypass_2fa);
    assert_int_equal(identity_scopes(&who, w->tenant), SCOPE_PACKAGES);
    assert_int_equal(identity_scopes(&who, "elsewhere"), 0);
    assert_int_equal(identity_scopes(&who, NULL), 0);
    snapshot_drop(s);
}

static void a_trusted_machines_token_is_gone_an_hour_after_its_end(void **state)
{
    struct world *w = *state;
    struct limits_spec limits = {.actor = TEXT("github")};
    struct account_token spec = {.label = TEXT("trusted"),
                                 .scopes = SCOPE_ALL,
                                 .tenant = w->tenant,
                                 .instance = "row",
                                 .limits = &limits};
    struct text token;
    struct identity who;
    char id[ACCOUNT_ID];
    struct err err;
    spec.expires_ms = clock_wall_ms() - 3700 * 1000;
    assert_works(account_token_create(w->account, w->pool, &spec, &token, id, &err), err);
    assert_int_equal(read_number(w, "SELECT count(*) FROM token"), 1);
    assert_works(account_flush(w->account, &err), err);
    assert_int_equal(read_number(w, "SELECT count(*) FROM token"), 0);
    spec.expires_ms = 0;
    assert_works(account_token_create(w->account, w->pool, &spec, &token, id, &err), err);
    assert_true(token_lives(w, token, &who));
    assert_works(account_instance_tokens_retire(w->account, "row", INT64_MAX, &err), err);
    assert_false(token_lives(w, token, &who));
}

static void a_cut_or_mistyped_token_is_told_by_its_form(void **state)
{
    struct world *w = *state;
    struct account_token spec = {.user = w->user, .label = TEXT("ci"), .scopes = SCOPE_ALL};
    struct text token;
    char id[ACCOUNT_ID];
    struct err err;
    assert_works(account_token_create(w->account, w->pool, &spec, &token, id, &err), err);
    struct text prefix = text_sub(token, 0, text_find(token, '_', 0) + 1);
    char *changed = text_c(w->pool, token);
    assert_true(account_token_is_whole(token, prefix));
    assert_false(account_token_is_whole(text_sub(token, 0, token.len - 1), prefix));
    assert_false(account_token_is_whole(token, TEXT("other_")));
    changed[prefix.len] = changed[prefix.len] == 'a' ? 'b' : 'a';
    assert_false(account_token_is_whole(text_of(changed), prefix));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(nothing_limited_is_no_object_and_allows_all),
        in_world(each_list_holds_by_itself),
        in_world(a_second_factor_that_is_passed_by_narrows_nothing),
        in_world(a_row_reads_back_as_it_was_written),
        in_world(what_cannot_be_a_limit_is_refused),
        in_world(a_token_keeps_its_limits_over_changes_and_a_restart),
        in_world(a_token_for_other_tenants_does_nothing_but_packages_here),
        in_world(a_trusted_machine_may_touch_packages_of_its_tenant_only),
        in_world(a_trusted_machines_token_is_gone_an_hour_after_its_end),
        in_world(a_cut_or_mistyped_token_is_told_by_its_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
