#include "tests/unit/http/world.h"

/* Shows the ticket at a door, its word among others that are none. */
static bool opens(struct world *w, struct text ticket, const struct account_ticket_door *door,
                  const char **user, const char **parent)
{
    const struct text states[] = {TEXT("foreign"), door->state, TEXT("another")};
    const struct account_ticket_claim claim = {ticket, door->host, states, 3};

    return account_ticket_take(w->account, w->pool, &claim, user, parent);
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
    const struct account_ticket_door right = {TEXT("demo.localhost:8080"), TEXT("word")},
                                     other_host = {TEXT("evil.localhost:8080"), TEXT("word")},
                                     other_browser = {TEXT("demo.localhost:8080"), TEXT("none")},
                                     no_state = {TEXT("demo.localhost:8080"), TEXT_NONE};
    ticket = account_ticket_make(w->account, w->pool, who.credential, &right);
    assert_false(opens(w, ticket, &other_host, &user, &parent));
    assert_false(opens(w, ticket, &other_browser, &user, &parent));
    assert_false(opens(w, ticket, &no_state, &user, &parent));
    assert_true(opens(w, ticket, &right, &user, &parent));
    assert_false(opens(w, ticket, &right, &user, &parent));
    assert_int_equal(account_session_create(w->account, w->pool, user, TEXT("demo.localhost:8080"),
                                            parent, &instance, &err),
                     0);
    assert_int_equal(account_session_end(w->account, who.credential, &err), 0);
    snapshot_drop(s);
    assert_false(session_lives(w, portal, "localhost:8080"));
    assert_false(session_lives(w, instance, "demo.localhost:8080"));
}

static void a_ticket_of_an_ended_session_opens_nothing(void **state)
{
    struct world *w = *state;
    const struct account_ticket_door door = {TEXT("demo.localhost"), TEXT("word")};
    struct text portal, child;
    const char *user, *parent;
    struct identity who;
    struct err err;

    assert_int_equal(account_session_create(w->account, w->pool, w->user, TEXT("localhost"), NULL,
                                            &portal, &err),
                     0);
    struct snapshot *s = account_snapshot(w->account);
    assert_true(account_session_find(s, portal, "localhost", &who));
    struct text ticket = account_ticket_make(w->account, w->pool, who.credential, &door);
    assert_int_equal(account_session_end(w->account, who.credential, &err), 0);
    assert_false(opens(w, ticket, &door, &user, &parent));
    assert_int_equal(account_session_create(w->account, w->pool, w->user, TEXT("demo.localhost"),
                                            who.credential, &child, &err),
                     -1);
    assert_string_equal(err.code, "session_ended");
    snapshot_drop(s);
}

/* A session of the portal and one of an instance below it, which is told. */
static struct text make_child(struct world *w)
{
    struct text portal, child;
    struct identity who;
    struct err err;

    assert_works(account_session_create(w->account, w->pool, w->user, TEXT("localhost"), NULL,
                                        &portal, &err),
                 err);
    struct snapshot *s = account_snapshot(w->account);
    assert_true(account_session_find(s, portal, "localhost", &who));
    assert_works(account_session_create(w->account, w->pool, w->user, TEXT("demo.localhost"),
                                        who.credential, &child, &err),
                 err);
    snapshot_drop(s);
    return child;
}

static void use_carries_a_session_and_the_portals_on_but_not_past_its_longest_life(void **state)
{
    static const char soon[] =
        "UPDATE session SET expires_at = (SELECT max(created_at) FROM session) + 60000";
    static const char old[] = "UPDATE session SET created_at = created_at - 89 * 86400000";
    static const char shortest[] = "SELECT min(expires_at - created_at) / 3600000 FROM session";
    struct world *w = *state;
    struct text child = make_child(w);
    struct identity who;
    struct err err;

    run_sql(w, soon);
    close_account(w);
    open_account(w);
    struct snapshot *s = account_snapshot(w->account);
    assert_true(account_session_find(s, child, "demo.localhost", &who));
    account_touch(w->account, &who, TEXT("192.0.2.1"));
    snapshot_drop(s);
    assert_int_equal(account_flush(w->account, &err), 0);
    assert_true(read_number(w, shortest) >= 14 * 24 - 1);
    s = account_snapshot(w->account);
    size_t seen = 0;
    for (int i = 0; i < ACCOUNT_SHARDS; i++) {
        const struct account_shard *shard = ((struct account_snapshot *)s)->sessions[i];
        for (size_t k = 0; k < shard->n; k++, seen++)
            assert_true(shard->keys[k].expires_ms > clock_wall_ms() + 13ll * 86400 * 1000);
    }
    assert_int_equal(seen, 2);
    snapshot_drop(s);

    run_sql(w, old);
    run_sql(w, soon);
    s = account_snapshot(w->account);
    assert_true(account_session_find(s, child, "demo.localhost", &who));
    account_touch(w->account, &who, TEXT("192.0.2.1"));
    snapshot_drop(s);
    assert_int_equal(account_flush(w->account, &err), 0);
    assert_int_equal(read_number(w, shortest), 90 * 24);
}

static void an_expired_session_takes_its_children_with_it(void **state)
{
    struct world *w = *state;
    struct text child = make_child(w);
    struct err err;

    run_sql(w, "UPDATE session SET expires_at = 1 WHERE parent IS NULL");
    assert_true(session_lives(w, child, "demo.localhost"));
    assert_int_equal(account_flush(w->account, &err), 0);
    assert_false(session_lives(w, child, "demo.localhost"));
    assert_int_equal(read_number(w, "SELECT count(*) FROM session"), 0);
}

static void a_new_password_ends_the_other_sessions_and_spares_tokens(void **state)
{
    struct world *w = *state;
    struct account_token spec = {.user = w->user, .label = TEXT("ci"), .scopes = SCOPE_ALL};
    struct text here, there, token;
    struct identity who;
    char id[ACCOUNT_ID];
    struct err err;

    assert_int_equal(
        account_session_create(w->account, w->pool, w->user, TEXT("localhost"), NULL, &here, &err),
        0);
    assert_int_equal(
        account_session_create(w->account, w->pool, w->user, TEXT("localhost"), NULL, &there, &err),
        0);
    assert_int_equal(account_token_create(w->account, w->pool, &spec, &token, id, &err), 0);
    struct snapshot *s = account_snapshot(w->account);
    assert_true(account_session_find(s, here, "localhost", &who));
    assert_int_equal(account_password_set(w->account, w->user, TEXT("another horse"), false,
                                          who.credential, &err),
                     0);
    assert_true(session_lives(w, here, "localhost"));
    assert_false(session_lives(w, there, "localhost"));
    assert_int_equal(
        account_password_set(w->account, w->user, TEXT("third horse"), true, NULL, &err), 0);
    snapshot_drop(s);
    assert_false(session_lives(w, here, "localhost"));
    assert_true(token_lives(w, token, &who));
    assert_true(who.must_change);
}

static void of_too_many_sessions_of_one_person_the_oldest_end(void **state)
{
    struct world *w = *state;
    struct text first = TEXT_NONE, one = TEXT_NONE;
    struct err err;

    for (int i = 0; i < 203; i++) {
        assert_int_equal(account_session_create(w->account, w->pool, w->user, TEXT("localhost"),
                                                NULL, &one, &err),
                         0);
        first = i == 0 ? one : first;
    }
    assert_false(session_lives(w, first, "localhost"));
    assert_true(session_lives(w, one, "localhost"));
    assert_int_equal(read_number(w, "SELECT count(*) FROM session"), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_session_counts_on_its_own_host_only_and_ends_with_its_parent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ticket_of_an_ended_session_opens_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            use_carries_a_session_and_the_portals_on_but_not_past_its_longest_life, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(an_expired_session_takes_its_children_with_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_new_password_ends_the_other_sessions_and_spares_tokens,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_too_many_sessions_of_one_person_the_oldest_end, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
