#include "tests/unit/unit.h"

#include "core/buf.h"
#include "core/pool.h"

static void it_grows_up_to_its_ceiling(void **state)
{
    auto_buf struct buf b;

    buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        buf_char(&b, 'x');
    assert_false(buf_failed(&b));
    assert_int_equal(strlen(b.base), 1000);
    buf_char(&b, 'y');
    assert_true(buf_failed(&b));
    assert_int_equal(b.len, 1000);
}

static void failing_sticks_until_cleared(void **state)
{
    auto_buf struct buf b;

    buf_init(&b, 4);
    buf_str(&b, "12345");
    buf_str(&b, "1");
    assert_true(buf_failed(&b));
    assert_int_equal(b.len, 0);
    buf_clear(&b);
    buf_text(&b, TEXT("1234"));
    assert_false(buf_failed(&b));
    assert_text(buf_view(&b), "1234");
}

static void printf_adds_in_place(void **state)
{
    auto_buf struct buf b;

    buf_init(&b, 10000);
    buf_printf(&b, "%d,", 7);
    buf_printf(&b, "%0*d", 5000, 1);
    assert_int_equal(b.len, 5002);
    assert_memory_equal(b.base, "7,0", 3);
    buf_printf(&b, "%0*d", 5000, 1);
    assert_true(buf_failed(&b));
}

static void reserve_refuses_what_overflows(void **state)
{
    auto_buf struct buf b;

    buf_init(&b, SIZE_MAX);
    buf_str(&b, "a");
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(buf_failed(&b));
    assert_text(buf_view(&b), "a");
}

static void reserved_room_is_counted_when_told(void **state)
{
    auto_buf struct buf b;

    buf_init(&b, 100);
    memcpy(buf_reserve(&b, 50), "abc", 3);
    buf_grew(&b, 3);
    assert_text(buf_view(&b), "abc");
    buf_consume(&b, 2);
    assert_text(buf_view(&b), "c");
    buf_consume(&b, 9);
    assert_text(buf_view(&b), "");
}

static void take_moves_into_the_pool(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct buf b;

    buf_init(&b, 100);
    buf_str(&b, "kept");
    const char *before = b.base;
    struct text taken = buf_take(&b, pool);
    assert_text(taken, "kept");
    assert_ptr_equal(taken.base, before);
    assert_int_equal(b.len, 0);
    buf_str(&b, "next");
    assert_text(taken, "kept");
    buf_release(&b);
    buf_release(&b);
    assert_non_null(buf_take(&b, pool).base);
}

static void take_of_a_failed_buffer_is_absent(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct buf b;

    buf_init(&b, 4);
    buf_str(&b, "1234");
    buf_str(&b, "5");
    assert_null(buf_take(&b, pool).base);
    assert_true(buf_failed(&b));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(it_grows_up_to_its_ceiling),
    cmocka_unit_test(failing_sticks_until_cleared),
    cmocka_unit_test(printf_adds_in_place),
    cmocka_unit_test(reserve_refuses_what_overflows),
    cmocka_unit_test(reserved_room_is_counted_when_told),
    cmocka_unit_test(take_moves_into_the_pool),
    cmocka_unit_test(take_of_a_failed_buffer_is_absent),
};
UNIT_MAIN(tests)
