#include "http/account.h"

#include "core/db.h"
#include "core/embedded.h"
#include "core/err.h"
#include "core/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct embedded http_sql[];

struct world {
    char path[64];
    struct db *db;
    struct account *account;
    struct pool *pool;
    char user[ACCOUNT_ID], tenant[ACCOUNT_ID];
};

static void open_account(struct world *w)
{
    const struct db_schema schemas[] = {{"http", http_sql}, {NULL, NULL}};
    struct db_config config = {.path = w->path, .schemas = schemas, .readers = 2};
    struct err err = {0};

    w->db = db_open(&config, &err);
    assert_non_null(w->db);
    w->account = account_open(w->db, "rh", &err);
    assert_non_null(w->account);
}

static void close_account(struct world *w)
{
    account_close(w->account);
    db_close(w->db);
}

static int set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct account_user user = {.name = TEXT("ada"), .password = TEXT("correct horse")};
    struct err err;
    int fd;

    snprintf(w->path, sizeof(w->path), "/tmp/account-test-XXXXXX");
    fd = mkstemp(w->path);
    close(fd);
    w->pool = pool_new();
    open_account(w);
    assert_int_equal(account_user_create(w->account, &user, w->user, &err), 0);
    assert_int_equal(account_tenant_create(w->account, TEXT("acme"), TEXT("Acme"), w->tenant, &err),
                     0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    close_account(w);
    pool_free(w->pool);
    unlink(w->path);
    char other[80];
    snprintf(other, sizeof(other), "%s-wal", w->path);
    unlink(other);
    snprintf(other, sizeof(other), "%s-shm", w->path);
    unlink(other);
    free(w);
    return 0;
}

static bool session_lives(struct world *w, struct text cookie, const char *host)
{
    struct snapshot *s = account_snapshot(w->account);
    struct identity who;
    bool lives = account_session_find(s, cookie, host, &who);

    snapshot_drop(s);
    return lives;
}

static bool token_lives(struct world *w, struct text token, struct identity *who)
{
    struct snapshot *s = account_snapshot(w->account);
    bool lives = account_token_find(s, token, who);

    snapshot_drop(s);
    return lives;
}

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

static void a_name_is_locked_after_ten_failures_but_not_for_others(void **state)
{
    struct world *w = *state;
    const char *user;
    struct err err;

    for (int i = 0; i < 10; i++)
        assert_int_equal(account_login(w->account, w->pool, TEXT("eve"), TEXT("wrong horse"),
                                       TEXT("192.0.2.1"), &user, &err),
                         -1);
    assert_int_equal(account_login(w->account, w->pool, TEXT("eve"), TEXT("wrong horse"),
                                   TEXT("192.0.2.9"), &user, &err),
                     -1);
    assert_string_equal(err.code, "login_limited");
    assert_int_equal(account_login(w->account, w->pool, TEXT("ada"), TEXT("correct horse"),
                                   TEXT("192.0.2.1"), &user, &err),
                     -1);
    assert_string_equal(err.code, "login_limited");
    assert_int_equal(account_login(w->account, w->pool, TEXT("ada"), TEXT("correct horse"),
                                   TEXT("192.0.2.2"), &user, &err),
                     0);
}

static void a_session_counts_on_its_own_host_only_and_ends_with_its_parent(void **state)
{
    struct world *w = *state;
    struct text portal, instance, ticket;
    const char *user, *parent;
    struct identity who;
    struct err err;

    assert_int_equal(account_session_create(w->account, w->pool, w->user, TEXT("localhost:8080"),
                                            NULL, &portal, &err),
                     0);
    assert_true(session_lives(w, portal, "localhost:8080"));
    assert_false(session_lives(w, portal, "demo.localhost:8080"));

    struct snapshot *s = account_snapshot(w->account);
    assert_true(account_session_find(s, portal, "localhost:8080", &who));
    ticket = account_ticket_make(w->account, w->pool, who.credential, TEXT("demo.localhost:8080"));
    assert_false(account_ticket_take(w->account, w->pool, ticket, TEXT("evil.localhost:8080"),
                                     &user, &parent));
    assert_true(account_ticket_take(w->account, w->pool, ticket, TEXT("demo.localhost:8080"), &user,
                                    &parent));
    assert_false(account_ticket_take(w->account, w->pool, ticket, TEXT("demo.localhost:8080"),
                                     &user, &parent));
    assert_int_equal(account_session_create(w->account, w->pool, user, TEXT("demo.localhost:8080"),
                                            parent, &instance, &err),
                     0);
    assert_int_equal(account_session_end(w->account, who.credential, &err), 0);
    snapshot_drop(s);
    assert_false(session_lives(w, portal, "localhost:8080"));
    assert_false(session_lives(w, instance, "demo.localhost:8080"));
}

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
        cmocka_unit_test_setup_teardown(a_right_password_logs_in_and_a_wrong_one_does_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_locked_after_ten_failures_but_not_for_others,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_session_counts_on_its_own_host_only_and_ends_with_its_parent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sessions_tokens_and_roles_are_as_they_were_after_a_restart,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_or_expired_token_is_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_instance_token_of_an_older_generation_is_retired, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_last_admin_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_taken_slug_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
