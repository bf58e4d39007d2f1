/* The loop: timers in order, messages in order, watches that come and go while events are handed
 * out. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/loop.h"

#define POSTERS 4
#define EACH 1000

static struct loop *loop;
static char order[16];
static size_t ordered;

static int set_up(void **state)
{
    struct err err;

    alarm(60); /* what hangs ends */
    memset(order, 0, sizeof(order));
    ordered = 0;
    loop = loop_new(&err);
    return loop == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    loop_free(loop);
    return 0;
}

static void note(void *arg)
{
    order[ordered++] = *(const char *)arg;
}

static void stop(void *arg)
{
    loop_stop(loop);
}

#define LETTER(s) ((void *)(uintptr_t)(s))
#define TIMER(f, a) ((struct loop_timer){.fn = (f), .arg = (a)})

static void timers_run_by_time_and_then_as_they_were_set(void **state)
{
    struct loop_timer a = TIMER(note, LETTER("a")), b = TIMER(note, LETTER("b")),
                      c = TIMER(note, LETTER("c")), d = TIMER(note, LETTER("d")),
                      end = TIMER(stop, NULL);
    int64_t start = clock_mono_ms();

    loop_timer_set(loop, &end, 80);
    loop_timer_set(loop, &d, 40);
    loop_timer_set(loop, &a, -5);
    loop_timer_set(loop, &c, 900000);
    loop_timer_set(loop, &b, 0);
    loop_timer_set(loop, &c, 20); /* moved: runs once, at the new time */
    loop_timer_clear(loop, &d);
    loop_timer_clear(loop, &d);
    loop_run(loop);
    assert_string_equal(order, "abc");
    assert_true(clock_mono_ms() - start >= 80);
    assert_false(a.armed);
}

static struct loop_timer again, other;
static unsigned rounds;

static void set_again(void *arg)
{
    rounds++;
    loop_timer_set(loop, &again, 0);
}

static void on_pipe(void *arg, uint32_t events)
{
    assert_true((events & EPOLLIN) != 0);
    loop_stop(loop);
}

static void a_timer_that_sets_itself_holds_nobody_up(void **state)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    struct loop_watch watch = {.fn = on_pipe, .fd = ends[0]};
    struct err err;
    rounds = 0;
    again = TIMER(set_again, NULL);
    assert_works(loop_watch_set(loop, &watch, EPOLLIN, &err), err);
    loop_timer_set(loop, &again, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_run(loop);
    assert_true(rounds < 1000000);
    loop_watch_clear(loop, &watch);
    close(ends[0]);
    close(ends[1]);
}

static void clear_other(void *arg)
{
    note(arg);
    loop_timer_clear(loop, &other);
}

static void a_timer_cleared_by_another_does_not_run(void **state)
{
    struct loop_timer first = TIMER(clear_other, LETTER("1")), end = TIMER(stop, NULL);

    other = TIMER(note, LETTER("2"));
    loop_timer_set(loop, &first, 0);
    loop_timer_set(loop, &other, 0);
    loop_timer_set(loop, &end, 30);
    loop_run(loop);
    assert_string_equal(order, "1");
}

static void post_more(void *arg)
{
    note(LETTER("1"));
    loop_post(loop, note, LETTER("3"));
    loop_post(loop, stop, NULL);
    assert_int_equal(ordered, 1); /* never from inside */
}

static void messages_run_in_order_and_never_from_inside(void **state)
{
    loop_post(loop, post_more, NULL);
    loop_post(loop, note, LETTER("2"));
    assert_int_equal(ordered, 0);
    loop_run(loop);
    assert_string_equal(order, "123");
    loop_post(loop, note, LETTER("4")); /* freed with the loop */
}

/* Two watches are ready at once; whichever comes first clears the other. */
struct pair {
    struct loop_watch watch[2];
    unsigned calls;
};

static struct pair pair;

static void clear_both(void *arg, uint32_t events)
{
    pair.calls++;
    loop_watch_clear(loop, &pair.watch[0]);
    loop_watch_clear(loop, &pair.watch[1]);
    loop_post(loop, stop, NULL);
}

static void a_watch_cleared_in_the_same_round_is_not_called(void **state)
{
    int ends[2][2];
    struct err err;

    pair = (struct pair){0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(ends[i]), 0);
        pair.watch[i] = (struct loop_watch){.fn = clear_both, .fd = ends[i][0]};
        assert_works(loop_watch_set(loop, &pair.watch[i], EPOLLIN, &err), err);
        assert_int_equal(write(ends[i][1], "x", 1), 1);
    }
    loop_run(loop);
    assert_int_equal(pair.calls, 1);
    for (int i = 0; i < 2; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

static struct loop_watch turning;
static uint32_t seen[3];
static unsigned turns;

/* Readable first, then told to wait for writing instead. */
static void turn(void *arg, uint32_t events)
{
    struct err err;

    seen[turns++] = events;
    if (turns == 1)
        assert_int_equal(loop_watch_set(loop, &turning, EPOLLOUT, &err), 0);
    else
        loop_stop(loop);
}

static void what_is_watched_for_can_change(void **state)
{
    int ends[2];
    struct err err;

    turns = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    turning = (struct loop_watch){.fn = turn, .fd = ends[0]};
    assert_works(loop_watch_set(loop, &turning, EPOLLIN, &err), err);
    assert_works(loop_watch_set(loop, &turning, EPOLLIN, &err), err);
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_run(loop);
    assert_int_equal(seen[0], EPOLLIN);
    assert_int_equal(seen[1], EPOLLOUT);
    loop_watch_clear(loop, &turning);
    loop_watch_clear(loop, &turning);
    struct loop_watch bad = {.fn = turn, .fd = -1};
    assert_fails(loop_watch_set(loop, &bad, EPOLLIN, &err), err, ERR_INTERNAL, "internal");
    loop_watch_clear(loop, &bad);
    close(ends[0]);
    close(ends[1]);
}

static void *run_loop(void *arg)
{
    loop_run(loop);
    return NULL;
}

static unsigned counts[POSTERS], total;

struct message {
    unsigned poster, n;
};

static struct message messages[POSTERS][EACH];

static void take(void *arg)
{
    struct message *m = arg;

    if (counts[m->poster] != m->n)
        abort(); /* out of its poster's order */
    counts[m->poster]++;
    if (++total == POSTERS * EACH)
        loop_stop(loop);
}

static void *post_many(void *arg)
{
    struct message *mine = arg;

    for (unsigned i = 0; i < EACH; i++)
        loop_post(loop, take, &mine[i]);
    return NULL;
}

static void many_threads_post_and_each_keeps_its_order(void **state)
{
    pthread_t threads[POSTERS], runner;

    memset(counts, 0, sizeof(counts));
    total = 0;
    assert_int_equal(pthread_create(&runner, NULL, run_loop, NULL), 0);
    for (unsigned p = 0; p < POSTERS; p++) {
        for (unsigned i = 0; i < EACH; i++)
            messages[p][i] = (struct message){p, i};
        assert_int_equal(pthread_create(&threads[p], NULL, post_many, messages[p]), 0);
    }
    for (unsigned p = 0; p < POSTERS; p++)
        pthread_join(threads[p], NULL);
    pthread_join(runner, NULL);
    assert_int_equal(total, POSTERS * EACH);
}

static void on_signal(int number)
{
    loop_stop(loop);
}

static void a_signal_handler_may_stop_it(void **state)
{
    struct sigaction action = {.sa_handler = on_signal}, old;
    pthread_t runner;

    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    assert_int_equal(pthread_create(&runner, NULL, run_loop, NULL), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    pthread_join(runner, NULL);
    assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
    loop_free(NULL);
}

#define loop_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    loop_test(timers_run_by_time_and_then_as_they_were_set),
    loop_test(a_timer_that_sets_itself_holds_nobody_up),
    loop_test(a_timer_cleared_by_another_does_not_run),
    loop_test(messages_run_in_order_and_never_from_inside),
    loop_test(a_watch_cleared_in_the_same_round_is_not_called),
    loop_test(what_is_watched_for_can_change),
    loop_test(many_threads_post_and_each_keeps_its_order),
    loop_test(a_signal_handler_may_stop_it),
};
UNIT_MAIN(tests)
