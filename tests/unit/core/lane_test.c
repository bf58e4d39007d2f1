/* Lanes: what is posted runs once, a full one refuses, stopping runs what waits. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/lane.h"

#define POSTERS 4
#define EACH 2000

/* A door that work stands at until it is opened. */
struct door {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned standing;
    bool open;
};

static struct door door;
static atomic_uint ran;

static int set_up(void **state)
{
    alarm(60); /* what hangs ends */
    door = (struct door){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};
    atomic_store(&ran, 0);
    return 0;
}

static void stand(void *arg)
{
    pthread_mutex_lock(&door.lock);
    door.standing++;
    pthread_cond_broadcast(&door.moved);
    while (!door.open)
        pthread_cond_wait(&door.moved, &door.lock);
    pthread_mutex_unlock(&door.lock);
    atomic_fetch_add(&ran, 1);
}

static void until_standing(unsigned n)
{
    pthread_mutex_lock(&door.lock);
    while (door.standing < n)
        pthread_cond_wait(&door.moved, &door.lock);
    pthread_mutex_unlock(&door.lock);
}

static void open_door(void)
{
    pthread_mutex_lock(&door.lock);
    door.open = true;
    pthread_cond_broadcast(&door.moved);
    pthread_mutex_unlock(&door.lock);
}

static void count(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void a_full_lane_refuses_and_takes_again_later(void **state)
{
    struct lane *lane = lane_new("test", 1, 2);

    assert_true(lane_post(lane, stand, NULL));
    until_standing(1); /* under way, so it no longer waits */
    assert_int_equal(lane_waiting(lane), 0);
    assert_true(lane_post(lane, count, &ran));
    assert_true(lane_post(lane, count, &ran));
    assert_false(lane_post(lane, count, &ran));
    assert_int_equal(lane_waiting(lane), 2);
    open_door();
    while (lane_waiting(lane) > 0)
        usleep(1000);
    assert_true(lane_post(lane, count, &ran));
    lane_stop(lane);
    assert_int_equal(atomic_load(&ran), 4);
}

static void as_many_run_at_once_as_there_are_threads(void **state)
{
    struct lane *lane = lane_new("test", 3, 10);

    for (int i = 0; i < 5; i++)
        assert_true(lane_post(lane, stand, NULL));
    until_standing(3);
    assert_int_equal(lane_waiting(lane), 2);
    assert_int_equal(door.standing, 3);
    open_door();
    lane_stop(lane);
    assert_int_equal(atomic_load(&ran), 5);
}

static char order[8];
static size_t ordered;

static void note(void *arg)
{
    order[ordered++] = *(const char *)arg;
}

static void one_thread_keeps_the_order_and_stopping_runs_what_waits(void **state)
{
    struct lane *lane = lane_new("a name that is too long", 0, 4);
    static const char letters[] = "abc";

    ordered = 0;
    assert_true(lane_post(lane, stand, NULL));
    until_standing(1);
    for (int i = 0; i < 3; i++)
        assert_true(lane_post(lane, note, (void *)(uintptr_t)&letters[i]));
    open_door();
    lane_stop(lane);
    assert_int_equal(ordered, 3);
    assert_memory_equal(order, "abc", 3);
    lane_stop(NULL);
}

static void a_lane_has_room_for_one_at_least(void **state)
{
    struct lane *lane = lane_new("test", 1, 0);

    assert_true(lane_post(lane, stand, NULL));
    until_standing(1);
    assert_true(lane_post(lane, count, &ran));
    assert_false(lane_post(lane, count, &ran));
    open_door();
    lane_stop(lane);
    assert_int_equal(atomic_load(&ran), 2);
}

struct poster {
    struct lane *lane;
    unsigned taken;
};

static void *post_many(void *arg)
{
    struct poster *p = arg;

    for (int i = 0; i < EACH; i++)
        p->taken += lane_post(p->lane, count, &ran);
    return NULL;
}

static void what_many_threads_post_runs_once_each(void **state)
{
    struct lane *lane = lane_new("test", 2, 50);
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    unsigned taken = 0;

    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){lane, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        taken += posters[i].taken;
    }
    lane_stop(lane);
    assert_true(taken > 0);
    assert_int_equal(atomic_load(&ran), taken);
}

static void tell_nice(void *arg)
{
    atomic_store((atomic_int *)arg, getpriority(PRIO_PROCESS, 0));
}

static void a_patient_lane_lets_others_go_first_and_they_stay_as_they_are(void **state)
{
    atomic_int patient = -1, plain = -1;
    struct lane *lane = lane_new_patient("patient", 1, 1);
    int mine = getpriority(PRIO_PROCESS, 0);

    assert_true(lane_post(lane, tell_nice, &patient));
    lane_stop(lane);
    lane = lane_new("plain", 1, 1);
    assert_true(lane_post(lane, tell_nice, &plain));
    lane_stop(lane);
    assert_int_equal(atomic_load(&patient), mine > 10 ? mine : 10);
    assert_int_equal(atomic_load(&plain), mine);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(a_full_lane_refuses_and_takes_again_later, set_up),
    cmocka_unit_test_setup(as_many_run_at_once_as_there_are_threads, set_up),
    cmocka_unit_test_setup(one_thread_keeps_the_order_and_stopping_runs_what_waits, set_up),
    cmocka_unit_test_setup(a_lane_has_room_for_one_at_least, set_up),
    cmocka_unit_test_setup(what_many_threads_post_runs_once_each, set_up),
    cmocka_unit_test(a_patient_lane_lets_others_go_first_and_they_stay_as_they_are),
};
UNIT_MAIN(tests)
