/* Readers judge while writers log in, end sessions, change roles. Worth most under the thread
 * sanitizer. */
#include "tests/unit/http/world.h"

#include <pthread.h>

#define READERS 3
#define ROUNDS 60
#define MAKERS 4

struct shared {
    struct world *w;
    atomic_bool over;
    struct text token; /* lives throughout */
    atomic_uint reads, touched;
};

static void *judge(void *arg)
{
    struct shared *shared = arg;

    while (!atomic_load(&shared->over)) {
        struct snapshot *s = account_snapshot(shared->w->account);
        struct identity who;
        size_t n;
        /* asserts of cmocka belong to the main thread */
        if (!account_token_find(s, shared->token, &who) || strcmp(who.name, "ada") != 0 ||
            account_tenant_by_id(s, text_of(shared->w->tenant)) == NULL ||
            account_user_by_name(s, TEXT("ada")) == NULL)
            abort();
        account_touch(shared->w->account, &who, TEXT("192.0.2.1"));
        account_tenants(s, &n);
        (void)identity_may(&who, shared->w->tenant, SCOPE_EDITOR_WRITE);
        snapshot_drop(s);
        atomic_fetch_add(&shared->reads, 1);
    }
    return NULL;
}

static void *log_in_and_out(void *arg)
{
    struct shared *shared = arg;
    struct account *account = shared->w->account;
    struct err err;

    for (int i = 0; i < ROUNDS; i++) {
        auto_pool struct pool *pool = pool_new();
        struct text cookie, token;
        struct identity who;
        char id[ACCOUNT_ID];
        struct account_token spec = {
            .user = shared->w->user, .label = TEXT("x"), .scopes = SCOPE_ALL};
        if (account_session_create(account, pool, shared->w->user, TEXT("localhost"), NULL, &cookie,
                                   &err) != 0 ||
            account_token_create(account, pool, &spec, &token, id, &err) != 0)
            abort();
        struct snapshot *s = account_snapshot(account);
        if (!account_session_find(s, cookie, "localhost", &who) ||
            account_session_end(account, who.credential, &err) != 0 ||
            account_token_remove(account, shared->w->user, text_of(id), &err) != 0)
            abort();
        snapshot_drop(s);
        s = account_snapshot(account);
        if (account_session_find(s, cookie, "localhost", &who) ||
            account_token_find(s, token, &who))
            abort();
        snapshot_drop(s);
    }
    return NULL;
}

static void *change_roles(void *arg)
{
    struct shared *shared = arg;
    struct world *w = shared->w;
    struct err err;

    for (int i = 0; i < ROUNDS; i++)
        if (account_member_set(w->account, w->tenant, w->user, i % 2 == 0 ? ROLE_OWNER : ROLE_NONE,
                               &err) != 0 ||
            account_flush(w->account, &err) != 0)
            abort();
    return NULL;
}

static void on_ended(void *arg, const char *user)
{
    (void)user;
    atomic_fetch_add(&((struct shared *)arg)->touched, 1);
}

static void readers_never_see_a_torn_snapshot(void **state)
{
    struct world *w = *state;
    struct shared shared = {.w = w};
    struct account_token spec = {.user = w->user, .label = TEXT("ci"), .scopes = SCOPE_ALL};
    pthread_t readers[READERS], writers[3];
    char id[ACCOUNT_ID];
    struct err err;

    assert_works(account_token_create(w->account, w->pool, &spec, &shared.token, id, &err), err);
    account_on_ended(w->account, on_ended, &shared);
    for (int i = 0; i < READERS; i++)
        pthread_create(&readers[i], NULL, judge, &shared);
    pthread_create(&writers[0], NULL, log_in_and_out, &shared);
    pthread_create(&writers[1], NULL, log_in_and_out, &shared);
    pthread_create(&writers[2], NULL, change_roles, &shared);
    for (int i = 0; i < 3; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&shared.over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_true(atomic_load(&shared.reads) > 0);
    assert_true(atomic_load(&shared.touched) >= 5 * ROUNDS);
    assert_int_equal(read_number(w, "SELECT count(*) FROM session"), 0);
    assert_int_equal(read_number(w, "SELECT count(*) FROM token"), 1);
    assert_works(account_flush(w->account, &err), err);
    assert_true(read_number(w, "SELECT used_at FROM token") > 0);
}

/* A removal and a creation at the same moment: whoever wins, memory and disk agree in the end. */
static void *create_children(void *arg)
{
    void **args = arg;
    struct world *w = args[0];
    struct err err;

    for (int i = 0; i < 8; i++) {
        auto_pool struct pool *pool = pool_new();
        struct text cookie;
        (void)account_session_create(w->account, pool, w->user, TEXT("demo.localhost"), args[1],
                                     &cookie, &err);
    }
    return NULL;
}

static void a_child_made_while_its_parent_ends_does_not_outlive_it(void **state)
{
    struct world *w = *state;
    struct err err;

    for (int round = 0; round < 40; round++) {
        struct text cookie;
        struct identity who;
        pthread_t makers[MAKERS];
        assert_works(account_session_create(w->account, w->pool, w->user, TEXT("localhost"), NULL,
                                            &cookie, &err),
                     err);
        struct snapshot *s = account_snapshot(w->account);
        assert_true(account_session_find(s, cookie, "localhost", &who));
        void *args[] = {w, (void *)(uintptr_t)who.credential};
        for (int i = 0; i < MAKERS; i++)
            pthread_create(&makers[i], NULL, create_children, args);
        usleep((useconds_t)(round % 10) * 300);
        assert_works(account_session_end(w->account, who.credential, &err), err);
        for (int i = 0; i < MAKERS; i++)
            pthread_join(makers[i], NULL);
        snapshot_drop(s);
        struct account_snapshot *now = (struct account_snapshot *)account_snapshot(w->account);
        for (int i = 0; i < ACCOUNT_SHARDS; i++)
            assert_int_equal(now->sessions[i]->n, 0);
        snapshot_drop(&now->base);
    }
    assert_int_equal(read_number(w, "SELECT count(*) FROM session"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readers_never_see_a_torn_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_made_while_its_parent_ends_does_not_outlive_it,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
