#include "tests/unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/pool.h"

static char order[8];
static size_t ordered;

static void note(void *arg)
{
    order[ordered++] = *(char *)arg;
}

static void deferred_calls_run_newest_first(void **state)
{
    struct pool *pool = pool_new();

    ordered = 0;
    for (const char *c = "abc"; *c != '\0'; c++) {
        char *own = pool_alloc(pool, 1);
        *own = *c;
        pool_defer(pool, note, own);
    }
    pool_free(pool);
    assert_int_equal(ordered, 3);
    assert_memory_equal(order, "cba", 3);
}

static void allocations_are_aligned_apart_and_stay(void **state)
{
    auto_pool struct pool *pool = pool_new();
    unsigned char *kept[400];

    for (size_t i = 0; i < 400; i++) {
        size_t n = i * i % 3001 + 1;
        kept[i] = pool_alloc(pool, n);
        assert_int_equal((uintptr_t)kept[i] % _Alignof(max_align_t), 0);
        memset(kept[i], (int)(i & 255), n);
    }
    for (size_t i = 0; i < 400; i++) {
        size_t n = i * i % 3001 + 1;
        for (size_t k = 0; k < n; k++)
            assert_int_equal(kept[i][k], i & 255);
    }
}

static void size_counts_what_was_handed_out(void **state)
{
    auto_pool struct pool *pool = pool_new();

    assert_int_equal(pool_size(pool), 0);
    pool_alloc(pool, 100);
    pool_zalloc(pool, 1000000);
    assert_int_equal(pool_size(pool), 1000100);
}

static void zalloc_clears_and_nothing_is_fine(void **state)
{
    auto_pool struct pool *pool = pool_new();
    char *p = pool_zalloc(pool, 5000);

    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(p[i], 0);
    assert_non_null(pool_alloc(pool, 0));
    pool_free(NULL);
}

static void printf_takes_any_length(void **state)
{
    auto_pool struct pool *pool = pool_new();
    char *s = pool_printf(pool, "%0*d-%s", 5000, 7, "end");

    assert_int_equal(strlen(s), 5004);
    assert_string_equal(s + 4999, "7-end");
    assert_string_equal(pool_strdup(pool, "copy"), "copy");
}

static void locals_release_themselves(void **state)
{
    int kept;
    {
        auto_close int fd = open("/dev/null", O_RDONLY);
        auto_free char *s = xstrdup("abc");
        auto_free char *cut = xstrndup("abcdef", 2);
        auto_free char *printed = xprintf("%s-%d", s, 7);
        kept = fd;
        assert_true(fd >= 0);
        assert_string_equal(cut, "ab");
        assert_string_equal(printed, "abc-7");
    }
    assert_int_equal(fcntl(kept, F_GETFD), -1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(deferred_calls_run_newest_first),
    cmocka_unit_test(allocations_are_aligned_apart_and_stay),
    cmocka_unit_test(size_counts_what_was_handed_out),
    cmocka_unit_test(zalloc_clears_and_nothing_is_fine),
    cmocka_unit_test(printf_takes_any_length),
    cmocka_unit_test(locals_release_themselves),
};
UNIT_MAIN(tests)
