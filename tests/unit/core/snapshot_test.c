/* Snapshots: who took one keeps it whole while others are put, and each is freed once. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <unistd.h>

#include "core/pool.h"
#include "core/snapshot.h"

#define READERS 3
#define PUTS 3000

struct value {
    struct snapshot base;
    int a, b; /* always the same */
};

static atomic_uint made, freed;

static void release(struct snapshot *s)
{
    struct value *v = (struct value *)s;

    v->b = -1; /* whoever still reads it sees it, the sanitizers too */
    atomic_fetch_add(&freed, 1);
    free(v);
}

static struct snapshot *value(int n)
{
    struct value *v = xmalloc(sizeof(*v));

    snapshot_init(&v->base, release);
    v->a = v->b = n;
    atomic_fetch_add(&made, 1);
    return &v->base;
}

static int number(const struct snapshot *s)
{
    return ((const struct value *)s)->a;
}

static int set_up(void **state)
{
    alarm(60); /* what hangs ends */
    atomic_store(&made, 0);
    atomic_store(&freed, 0);
    return 0;
}

static void what_was_taken_stays_until_it_is_dropped(void **state)
{
    struct snapshot_slot slot;

    snapshot_slot_init(&slot);
    assert_null(snapshot_take(&slot));
    snapshot_drop(NULL);
    snapshot_put(&slot, value(1));
    struct snapshot *one = snapshot_take(&slot);
    snapshot_hold(one);
    snapshot_put(&slot, value(2));
    assert_int_equal(number(one), 1);
    struct snapshot *two = snapshot_take(&slot);
    assert_int_equal(number(two), 2);
    snapshot_drop(one);
    assert_int_equal(atomic_load(&freed), 0);
    snapshot_drop(one);
    assert_int_equal(atomic_load(&freed), 1);
    snapshot_drop(two);
    assert_int_equal(atomic_load(&freed), 1); /* still the current one */
    snapshot_put(&slot, NULL);
    assert_int_equal(atomic_load(&freed), 2);
    assert_null(snapshot_take(&slot));
}

struct shared {
    struct snapshot_slot slot;
    atomic_bool over;
};

static void *read_many(void *arg)
{
    struct shared *shared = arg;
    int last = 0;

    while (!atomic_load(&shared->over)) {
        struct snapshot *s = snapshot_take(&shared->slot);
        struct value *v = (struct value *)s;
        if (v->a != v->b || v->a < last)
            abort();
        last = v->a;
        snapshot_drop(s);
    }
    return NULL;
}

static void many_read_while_one_replaces(void **state)
{
    pthread_t threads[READERS];
    struct shared shared = {.over = false};

    snapshot_slot_init(&shared.slot);
    snapshot_put(&shared.slot, value(0));
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_many, &shared), 0);
    for (int n = 1; n <= PUTS; n++)
        snapshot_put(&shared.slot, value(n));
    atomic_store(&shared.over, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&freed), PUTS);
    snapshot_put(&shared.slot, NULL);
    assert_int_equal(atomic_load(&freed), atomic_load(&made));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(what_was_taken_stays_until_it_is_dropped, set_up),
    cmocka_unit_test_setup(many_read_while_one_replaces, set_up),
};
UNIT_MAIN(tests)
