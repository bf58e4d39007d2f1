#include "http/hosts.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static const struct host_entry two[] = {
    {.host = "demo--app.localhost", .face = FACE_APP, .instance = "i1", .slug = "demo"},
    {.host = "demo.localhost", .face = FACE_EDITOR, .instance = "i1", .slug = "demo", .key = {7}},
    {.host = "other.localhost", .face = FACE_EDITOR, .instance = "i2", .state = HOST_ASLEEP},
};

static void a_new_map_knows_nobody(void **state)
{
    struct hosts *hosts = hosts_new();
    struct snapshot *s = hosts_take(hosts);
    assert_non_null(s);
    assert_null(hosts_find(s, TEXT("demo.localhost")));
    assert_null(hosts_find_instance(s, TEXT("i1")));
    snapshot_drop(s);
    hosts_free(hosts);
}

static void entries_are_found_by_host_and_by_instance(void **state)
{
    struct hosts *hosts = hosts_new();
    hosts_put(hosts, two, 3);
    struct snapshot *s = hosts_take(hosts);
    const struct host_entry *editor = hosts_find(s, TEXT("demo.localhost"));
    const struct host_entry *app = hosts_find(s, TEXT("demo--app.localhost"));
    assert_string_equal(editor->instance, "i1");
    assert_int_equal(editor->face, FACE_EDITOR);
    assert_int_equal(editor->key[0], 7);
    assert_int_equal(app->face, FACE_APP);
    assert_ptr_equal(editor->activity, app->activity);
    assert_ptr_equal(hosts_find_instance(s, TEXT("i1")), editor);
    assert_int_equal(hosts_find(s, TEXT("other.localhost"))->state, HOST_ASLEEP);
    assert_ptr_not_equal(hosts_find(s, TEXT("other.localhost"))->activity, editor->activity);
    assert_null(hosts_find(s, TEXT("demo.localhos")));
    snapshot_drop(s);
    hosts_free(hosts);
}

static void activity_outlives_the_map_that_made_it(void **state)
{
    struct hosts *hosts = hosts_new();
    hosts_put(hosts, two, 3);
    struct snapshot *before = hosts_take(hosts);
    struct host_activity *seen = hosts_find(before, TEXT("demo.localhost"))->activity;
    atomic_store(&seen->sockets, 3);
    hosts_put(hosts, two, 2);
    struct snapshot *after = hosts_take(hosts);
    assert_ptr_equal(hosts_find(after, TEXT("demo--app.localhost"))->activity, seen);
    assert_null(hosts_find(after, TEXT("other.localhost")));
    snapshot_drop(before);
    assert_int_equal(atomic_load(&seen->sockets), 3);
    hosts_put(hosts, NULL, 0);
    assert_int_equal(atomic_load(&seen->sockets), 3);
    snapshot_drop(after);
    hosts_free(hosts);
}

static void the_first_of_two_equal_hosts_counts(void **state)
{
    const struct host_entry twice[] = {
        {.host = "a.localhost", .face = FACE_EDITOR, .instance = "i1"},
        {.host = "a.localhost", .face = FACE_EDITOR, .instance = "i2"},
    };
    struct hosts *hosts = hosts_new();
    hosts_put(hosts, twice, 2);
    struct snapshot *s = hosts_take(hosts);
    assert_string_equal(hosts_find(s, TEXT("a.localhost"))->instance, "i1");
    assert_null(hosts_find_instance(s, TEXT("i2")));
    snapshot_drop(s);
    hosts_free(hosts);
}

static void many_hosts_are_all_found(void **state)
{
    enum { N = 3000 };
    static char names[N][32];
    static struct host_entry many[N];
    for (int i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "h%d.localhost", i);
        many[i] = (struct host_entry){.host = names[i], .face = FACE_EDITOR, .instance = names[i]};
    }
    struct hosts *hosts = hosts_new();
    hosts_put(hosts, many, N);
    struct snapshot *s = hosts_take(hosts);
    for (int i = 0; i < N; i++)
        assert_string_equal(hosts_find(s, text_of(names[i]))->host, names[i]);
    snapshot_drop(s);
    hosts_free(hosts);
}

static void on_wanted(void *arg, const char *instance)
{
    *(const char **)arg = instance;
}

static void on_put(void *arg)
{
    ++*(int *)arg;
}

static void hooks_hear_of_wants_and_puts(void **state)
{
    const char *wanted = NULL;
    int puts = 0;
    struct hosts *hosts = hosts_new();
    hosts_wanted(hosts, "nobody listens");
    hosts_on_wanted(hosts, on_wanted, &wanted);
    hosts_on_put(hosts, on_put, &puts);
    hosts_wanted(hosts, "i1");
    hosts_put(hosts, two, 3);
    assert_string_equal(wanted, "i1");
    assert_int_equal(puts, 1);
    hosts_on_put(hosts, NULL, NULL);
    hosts_put(hosts, two, 3);
    assert_int_equal(puts, 1);
    hosts_free(hosts);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_new_map_knows_nobody),
    cmocka_unit_test(entries_are_found_by_host_and_by_instance),
    cmocka_unit_test(activity_outlives_the_map_that_made_it),
    cmocka_unit_test(the_first_of_two_equal_hosts_counts),
    cmocka_unit_test(many_hosts_are_all_found),
    cmocka_unit_test(hooks_hear_of_wants_and_puts),
};

UNIT_MAIN(tests)
