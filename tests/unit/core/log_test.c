#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/log.h"
#include "core/pool.h"

static int real_stderr, ends[2];

/* Standard error is a pipe between capture and captured. */
static void capture(void)
{
    assert_int_equal(pipe(ends), 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static struct text captured(struct pool *pool)
{
    struct buf all;
    ssize_t n;

    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    buf_init(&all, 1000000);
    while ((n = read(ends[0], buf_reserve(&all, 4096), 4096)) > 0)
        buf_grew(&all, (size_t)n);
    close(ends[0]);
    return buf_take(&all, pool);
}

static void a_line_has_time_level_area_message_and_pairs(void **state)
{
    auto_pool struct pool *pool = pool_new();

    capture();
    log_info("keeper", "instance runs", "id=%s ms=%d", "abc", 12);
    log_warn("http", "no pairs", NULL);
    struct text out = captured(pool), line;
    assert_true(text_cut(&out, '\n', &line));
    assert_int_equal(line.base[10], 'T');
    assert_text(text_sub(line, 23, 200), "Z info keeper instance runs id=abc ms=12");
    assert_true(text_cut(&out, '\n', &line));
    assert_text(text_sub(line, 23, 200), "Z warn http no pairs");
}

static void control_bytes_are_escaped(void **state)
{
    auto_pool struct pool *pool = pool_new();

    capture();
    log_error("a", "m", "v=%s", "x\ny\x1b[2J\x7f \xc2\x9b \xff \xc3\xa9 \xe2\x82\xac");
    struct text out = captured(pool);
    assert_text(text_sub(out, 35, 200),
                "v=x\\x0ay\\x1b[2J\\x7f \\xc2\\x9b \\xff \xc3\xa9 \xe2\x82\xac\n");
}

static void lower_levels_are_dropped(void **state)
{
    auto_pool struct pool *pool = pool_new();

    capture();
    log_debug("a", "hidden", NULL);
    log_level_set(LOG_LEVEL_WARN);
    log_info("a", "hidden", NULL);
    log_error("a", "shown", NULL);
    log_level_set(LOG_LEVEL_INFO);
    struct text out = captured(pool);
    assert_text(text_sub(out, 23, 200), "Z error a shown\n");
}

static void a_huge_value_is_cut_and_still_one_line(void **state)
{
    auto_pool struct pool *pool = pool_new();
    char huge[20000];

    memset(huge, '\n', sizeof(huge));
    capture();
    log_info("a", "m", "v=%.*s", (int)sizeof(huge), huge);
    struct text out = captured(pool);
    assert_true(out.len <= 4096);
    assert_int_equal(text_find(out, '\n', 0), out.len - 1);
}

static char who_a[] = "aaaaaaaa", who_b[] = "bbbbbbbb";

static void *log_many(void *arg)
{
    for (int i = 0; i < 100; i++)
        log_info("thread", "m", "who=%s", (const char *)arg);
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    auto_pool struct pool *pool = pool_new();
    pthread_t threads[2];
    size_t lines = 0;

    capture();
    pthread_create(&threads[0], NULL, log_many, who_a);
    pthread_create(&threads[1], NULL, log_many, who_b);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    struct text out = captured(pool), line;
    while (text_cut(&out, '\n', &line) && line.len > 0) {
        assert_true(text_ends(line, "who=aaaaaaaa") || text_ends(line, "who=bbbbbbbb"));
        assert_int_equal(line.len, 24 + strlen("info thread m who=aaaaaaaa") + 1);
        lines++;
    }
    assert_int_equal(lines, 200);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_line_has_time_level_area_message_and_pairs),
    cmocka_unit_test(control_bytes_are_escaped),
    cmocka_unit_test(lower_levels_are_dropped),
    cmocka_unit_test(a_huge_value_is_cut_and_still_one_line),
    cmocka_unit_test(lines_of_threads_do_not_mix),
};
UNIT_MAIN(tests)
