#include "http/head.h"

#include "core/pool.h"
#include "tests/unit/unit.h"

static void a_plain_head_is_read(void **state)
{
    struct text raw =
        TEXT("POST /a HTTP/1.1\r\nHost: Demo:80\r\ncontent-length:  12 \r\n\r\nbody\n");
    struct head head;
    struct err err;
    assert_works(head_scan(raw, &head, &err), err);
    assert_text(head.host, "Demo:80");
    assert_int_equal(head.content_length, 12);
    assert_false(head.chunked);
    assert_int_equal(head.bytes, raw.len - 5);
}

static void one_empty_line_before_it_is_skipped(void **state)
{
    struct head head;
    struct err err;
    assert_works(head_scan(TEXT("\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n"), &head, &err), err);
    assert_int_equal(head_scan(TEXT("\r\n\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n"), &head, &err), -1);
}

static void framings_that_can_be_read_in_two_ways_are_refused(void **state)
{
    static const struct {
        const char *head, *code;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
         "bad_length"},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "bad_length"},
        {"GET / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n",
         "bad_length"},
        {"GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "bad_length"},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "bad_length"},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n", "bad_length"},
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", "bad_line_end"},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", "bad_line_end"},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", "bad_line_end"},
        {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "bad_header"},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "bad_header"},
        {"GET / HTTP/1.1\r\n: a\r\n\r\n", "bad_header"},
        {"GET / HTTP/1.1\r\nHost\r\n\r\n", "bad_header"},
        {"GET / HTTP/1.1\r\nHost: a\r\nhOsT: a\r\n\r\n", "bad_host"},
        {"GET / HTTP/1.1\r\n\r\n", "bad_host"},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "bad_version"},
        {"GET / HTTP/1.1\r\nHost: a\r\n", "bad_request"},
        {"", "bad_request"},
    };
    struct head head;
    struct err err;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_fails(head_scan(text_of(cases[i].head), &head, &err), err, ERR_INVALID,
                     cases[i].code);
}

static void a_head_has_a_ceiling(void **state)
{
    struct pool *pool = pool_new();
    char *long_value = pool_alloc(pool, HEAD_MAX_BYTES);
    struct head head;
    struct err err;
    memset(long_value, 'x', HEAD_MAX_BYTES);
    for (int over = 0; over < 2; over++) {
        struct text raw = text_printf(pool, "GET / HTTP/1.1\r\nHost: a\r\nX: %.*s\r\n\r\n",
                                      HEAD_MAX_BYTES - 32 + over, long_value);
        assert_int_equal(raw.len, HEAD_MAX_BYTES + over);
        if (over == 0)
            assert_works(head_scan(raw, &head, &err), err);
        else
            assert_fails(head_scan(raw, &head, &err), err, ERR_INVALID, "head_too_large");
    }
    pool_free(pool);
}

static void methods_are_words_and_targets_paths(void **state)
{
    static const char *const targets[] = {"", "*", "x", "http://a/", "/ ", "/\t", "/#", "/\x7f"};
    struct err err;
    assert_works(head_check_line(TEXT("M-SEARCH"), TEXT("/a?b=c\xc3\xa4"), &err), err);
    assert_fails(head_check_line(TEXT(""), TEXT("/"), &err), err, ERR_INVALID, "bad_method");
    assert_fails(head_check_line(TEXT("A B"), TEXT("/"), &err), err, ERR_INVALID, "bad_method");
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        assert_fails(head_check_line(TEXT("GET"), text_of(targets[i]), &err), err, ERR_INVALID,
                     "bad_target");
}

static void a_host_is_lower_cased_and_cut(void **state)
{
    static const char *const bad[] = {"",    "a b",  "a:", "a:0",   "a:65536", "a/b",
                                      "u@a", "a..b", "-a", "[::1]", "a,b",     "a\tb"};
    struct pool *pool = pool_new();
    struct text lower, name;
    struct err err;
    assert_works(head_host(pool, TEXT("Demo.LocalHost:8080"), &lower, &name, &err), err);
    assert_text(lower, "demo.localhost:8080");
    assert_text(name, "demo.localhost");
    assert_works(head_host(pool, TEXT("localhost"), &lower, &name, &err), err);
    assert_text(name, "localhost");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(head_host(pool, text_of(bad[i]), &lower, &name, &err), err, ERR_INVALID,
                     "bad_host");
    pool_free(pool);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_plain_head_is_read),
    cmocka_unit_test(one_empty_line_before_it_is_skipped),
    cmocka_unit_test(framings_that_can_be_read_in_two_ways_are_refused),
    cmocka_unit_test(a_head_has_a_ceiling),
    cmocka_unit_test(methods_are_words_and_targets_paths),
    cmocka_unit_test(a_host_is_lower_cased_and_cut),
};

UNIT_MAIN(tests)
