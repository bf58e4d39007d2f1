#include "tests/unit/unit.h"

#include "http/h1parse.h"

#include <stdio.h>

static struct h1_head head;

/* The head of one literal; true when it is whole and well formed. */
static bool parse(const char *bytes)
{
    struct text t = text_of(bytes);
    size_t seen = 0;

    if (h1_head_end(t, &seen) != H1_DONE)
        return false;
    return h1_head_parse(text_sub(t, 0, seen), &head);
}

static void a_plain_head_is_read(void **state)
{
    assert_true(parse("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A:  b c \t\r\n"
                      "Content-Length: 5\r\n\r\nhello"));
    assert_int_equal(head.status, 200);
    assert_text(head.reason, "OK");
    assert_int_equal(head.n_headers, 3);
    assert_text(head.headers[1].name, "X-A");
    assert_text(head.headers[1].value, "b c");
    assert_true(head.has_length);
    assert_int_equal(head.length, 5);
    assert_false(head.closes);
    assert_int_equal(h1_head_framing(&head, false), H1_LENGTH);
    assert_int_equal(h1_head_framing(&head, true), H1_NO_BODY);
    assert_int_equal(h1_head_find(&head, "content-length", 0), 2);
    assert_int_equal(h1_head_find(&head, "content-length", 3), 3);
}

static void a_reason_may_be_missing(void **state)
{
    assert_true(parse("HTTP/1.1 204\r\n\r\n"));
    assert_text(head.reason, "");
    assert_true(parse("HTTP/1.1 204 \r\n\r\n"));
    assert_int_equal(h1_head_framing(&head, false), H1_NO_BODY);
}

static void a_head_in_single_bytes_costs_one_look_each(void **state)
{
    const char *bytes = "HTTP/1.1 200 OK\r\nA: b\r\n\r\nx";
    size_t seen = 0, n = strlen(bytes) - 1;

    for (size_t i = 1; i < n; i++)
        assert_int_equal(h1_head_end(text_n(bytes, i), &seen), H1_MORE);
    assert_int_equal(h1_head_end(text_n(bytes, n + 1), &seen), H1_DONE);
    assert_int_equal(seen, n);
}

static void status_lines_that_are_not_http_are_refused(void **state)
{
    static const char *const lines[] = {
        "HTTP/2 200 OK",     "HTTP/1.2 200 OK",  "http/1.1 200 OK",  "HTTP/1.1  200 OK",
        "HTTP/1.1 099 X",    "HTTP/1.1 600 X",   "HTTP/1.1 999 X",   "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",  "HTTP/1.1 -20 OK",  "HTTP/1.1 2x0 OK",  "HTTP/1.1\t200 OK",
        "ICY 200 OK",        "HTTP/1.1",         "HTTP/1.1 200\tOK", "HTTP/1.1 200 O\x01",
        "HTTP/1.1 200 O\rK", " HTTP/1.1 200 OK",
    };
    char bytes[128];

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        snprintf(bytes, sizeof(bytes), "%s\r\n\r\n", lines[i]);
        if (parse(bytes))
            fail_msg("accepted: %s", lines[i]);
    }
}

static void headers_that_two_readers_could_read_differently_are_refused(void **state)
{
    static const char *const lines[] = {
        "Content-Length: abc",
        "Content-Length: -1",
        "Content-Length: +1",
        "Content-Length:",
        "Content-Length: 5, 5",
        "Content-Length: 0x5",
        "Content-Length: 18446744073709551615",
        "Content-Length: 9999999999999999999",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "A: b\r\n folded",
        "A: b\r\n\tfolded",
        "A : b",
        ": b",
        "no colon",
        "A\x01: b",
        "A: b\x01",
        "A: b\x7f",
        "A: b\rc",
        "A(b): c",
        "\xc3\xa4: b",
    };
    char bytes[256];

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        snprintf(bytes, sizeof(bytes), "HTTP/1.1 200 OK\r\n%s\r\n\r\n", lines[i]);
        if (parse(bytes))
            fail_msg("accepted: %s", lines[i]);
    }
    assert_false(parse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

static void a_nul_in_a_value_is_refused(void **state)
{
    struct text t = TEXT("HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n");
    size_t seen = 0;

    assert_int_equal(h1_head_end(t, &seen), H1_DONE);
    assert_false(h1_head_parse(t, &head));
}

static void line_ends_are_crlf_only(void **state)
{
    static const char *const heads[] = {"HTTP/1.1 200 OK\nA: b\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nA: b\n\n",
                                        "\r\nHTTP/1.1 200 OK\r\n\r\n", "\n", "x\n"};

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        size_t seen = 0;
        assert_int_equal(h1_head_end(text_of(heads[i]), &seen), H1_BAD);
    }
}

static void equal_lengths_twice_are_one(void **state)
{
    assert_true(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n"));
    assert_int_equal(head.length, 5);
}

static void connection_options_are_understood(void **state)
{
    assert_true(parse("HTTP/1.1 200 OK\r\nConnection: Close, X-Secret\r\nConnection: foo\r\n\r\n"));
    assert_true(head.closes);
    assert_true(head.names);
    assert_true(h1_head_names(&head, TEXT("x-secret")));
    assert_true(h1_head_names(&head, TEXT("Foo")));
    assert_false(h1_head_names(&head, TEXT("x-secre")));
    assert_true(parse("HTTP/1.0 200 OK\r\n\r\n"));
    assert_true(head.closes);
    assert_int_equal(h1_head_framing(&head, false), H1_UNTIL_CLOSE);
    assert_true(parse("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"));
    assert_false(head.closes);
    assert_true(parse("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
    assert_true(head.upgrades);
    assert_false(head.names);
}

static void too_many_headers_are_refused(void **state)
{
    char bytes[4096];
    size_t n = (size_t)snprintf(bytes, sizeof(bytes), "HTTP/1.1 200 OK\r\n");

    for (int i = 0; i < H1_MAX_HEADERS; i++)
        n += (size_t)snprintf(bytes + n, sizeof(bytes) - n, "A: %d\r\n", i);
    snprintf(bytes + n, sizeof(bytes) - n, "\r\n");
    assert_true(parse(bytes));
    snprintf(bytes + n, sizeof(bytes) - n, "B: c\r\n\r\n");
    assert_false(parse(bytes));
}

static void a_head_has_a_ceiling(void **state)
{
    char *bytes = malloc(H1_MAX_HEAD + 2);
    size_t seen = 0;

    memset(bytes, 'a', H1_MAX_HEAD + 2);
    assert_int_equal(h1_head_end(text_n(bytes, H1_MAX_HEAD - 1), &seen), H1_MORE);
    assert_int_equal(h1_head_end(text_n(bytes, H1_MAX_HEAD), &seen), H1_BAD);
    free(bytes);
}

/* Decodes in steps of `step` bytes; the body to out; what the last call said. */
static enum h1_piece decode(struct text bytes, size_t step, char *out, size_t *n, size_t *rest)
{
    struct h1_chunks chunks = {0};
    enum h1_piece result = H1_PIECE_MORE;

    *n = 0;
    for (size_t at = 0; at < bytes.len; at += step) {
        struct text in = text_sub(bytes, at, step), data;
        while ((result = h1_chunks_next(&chunks, &in, &data)) == H1_PIECE_DATA) {
            memcpy(out + *n, data.base, data.len);
            *n += data.len;
        }
        *rest = bytes.len - at - step + in.len;
        if (result != H1_PIECE_MORE)
            break;
    }
    return result;
}

static void chunks_are_joined_however_they_are_cut(void **state)
{
    struct text bytes =
        TEXT("5\r\nhello\r\n00A;x=\"y\"\r\n, world ab\r\n0\r\nTrailer: x\r\n\r\nNEXT");
    char out[64];
    size_t n, rest;

    for (size_t step = 1; step <= bytes.len; step++) {
        assert_int_equal(decode(bytes, step, out, &n, &rest), H1_PIECE_END);
        assert_text(text_n(out, n), "hello, world ab");
    }
    assert_int_equal(rest, 4);
}

static void broken_chunks_are_refused(void **state)
{
    static const char *const bodies[] = {
        "x\r\n",
        "\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\nhello\r\n",
        "5\r\nhelloX\n",
        "5\r\nhello\nX",
        "-5\r\n",
        "0x5\r\n",
        "5\r\nhello\r\n\r\n",
        "0\r\n\n",
        "0\r\nA: b\n",
        "5\rXhello",
        "1000000000000000\r\n",
        ";a\r\n",
        "5;\x01\r\n",
        "0\r\nA\x01: b\r\n",
    };
    char out[64];
    size_t n, rest;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        if (decode(text_of(bodies[i]), 1, out, &n, &rest) != H1_PIECE_BAD)
            fail_msg("accepted: %s", bodies[i]);
    }
}

static void extensions_and_trailers_have_ceilings(void **state)
{
    char bytes[20000], out[64];
    size_t n, rest;

    n = (size_t)snprintf(bytes, sizeof(bytes), "1;");
    memset(bytes + n, 'e', 300);
    assert_int_equal(decode(text_n(bytes, n + 300), 7, out, &n, &rest), H1_PIECE_BAD);
    n = (size_t)snprintf(bytes, sizeof(bytes), "0\r\n");
    memset(bytes + n, 't', 9000);
    assert_int_equal(decode(text_n(bytes, n + 9000), 512, out, &n, &rest), H1_PIECE_BAD);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_plain_head_is_read),
    cmocka_unit_test(a_reason_may_be_missing),
    cmocka_unit_test(a_head_in_single_bytes_costs_one_look_each),
    cmocka_unit_test(status_lines_that_are_not_http_are_refused),
    cmocka_unit_test(headers_that_two_readers_could_read_differently_are_refused),
    cmocka_unit_test(a_nul_in_a_value_is_refused),
    cmocka_unit_test(line_ends_are_crlf_only),
    cmocka_unit_test(equal_lengths_twice_are_one),
    cmocka_unit_test(connection_options_are_understood),
    cmocka_unit_test(too_many_headers_are_refused),
    cmocka_unit_test(a_head_has_a_ceiling),
    cmocka_unit_test(chunks_are_joined_however_they_are_cut),
    cmocka_unit_test(broken_chunks_are_refused),
    cmocka_unit_test(extensions_and_trailers_have_ceilings),
};
UNIT_MAIN(tests)
