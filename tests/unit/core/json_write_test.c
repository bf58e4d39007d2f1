#include "tests/unit/unit.h"

#include "core/json.h"

static void commas_and_nesting_are_its_business(void **state)
{
    auto_buf struct buf b;
    struct json_writer w;

    buf_init(&b, 1000);
    json_writer_init(&w, &b);
    json_open(&w);
    json_put_int(&w, "n", -5);
    json_put_bool(&w, "yes", true);
    json_key(&w, "list");
    json_open_array(&w);
    json_str(&w, "a");
    json_null(&w);
    json_open(&w);
    json_close(&w);
    json_raw(&w, TEXT("{\"x\":1}"));
    json_close_array(&w);
    json_put_str(&w, "none", NULL);
    json_put_text(&w, "empty", TEXT(""));
    json_put_time(&w, "at", 1795514400007);
    json_put_time(&w, "never", 0);
    json_key_text(&w, TEXT("k\"ey"));
    json_bool(&w, false);
    json_close(&w);
    assert_text(buf_view(&b),
                "{\"n\":-5,\"yes\":true,\"list\":[\"a\",null,{},{\"x\":1}],\"none\":null,"
                "\"empty\":\"\",\"at\":\"2026-11-24T10:00:00.007Z\",\"never\":null,"
                "\"k\\\"ey\":false}");
}

static void strings_are_escaped_and_mended(void **state)
{
    auto_buf struct buf b;
    struct json_writer w;

    buf_init(&b, 1000);
    json_writer_init(&w, &b);
    json_open_array(&w);
    json_text(&w, text_n("a\0\"\\\n\r\t\x1f/", 9));
    json_text(&w, TEXT("\xff\xc3\xa9\xe2\x82"));
    json_text(&w, TEXT_NONE);
    json_int(&w, INT64_MIN);
    json_close_array(&w);
    assert_text(buf_view(&b), "[\"a\\u0000\\\"\\\\\\n\\r\\t\\u001f/\","
                              "\"\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\",null,"
                              "-9223372036854775808]");
}

static void depth_and_ceiling_fail_the_buffer(void **state)
{
    auto_buf struct buf b;
    struct json_writer w;

    buf_init(&b, 1000);
    json_writer_init(&w, &b);
    for (int i = 0; i < 64; i++)
        json_open_array(&w);
    assert_false(buf_failed(&b));
    json_open_array(&w);
    assert_true(buf_failed(&b));
    buf_clear(&b);
    json_writer_init(&w, &b);
    json_close(&w);
    assert_true(buf_failed(&b));
    buf_release(&b);
    buf_init(&b, 5);
    json_writer_init(&w, &b);
    json_str(&w, "12345");
    assert_true(buf_failed(&b));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(commas_and_nesting_are_its_business),
    cmocka_unit_test(strings_are_escaped_and_mended),
    cmocka_unit_test(depth_and_ceiling_fail_the_buffer),
};
UNIT_MAIN(tests)
