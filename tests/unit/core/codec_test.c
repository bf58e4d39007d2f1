#include "tests/unit/unit.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/digest.h"
#include "core/pool.h"

static void hex_goes_there_and_back(void **state)
{
    auto_pool struct pool *pool = pool_new();
    unsigned char out[3] = {9, 9, 9};

    assert_text(hex_encode(pool, "\x00\xab\xff", 3), "00abff");
    assert_true(hex_decode(TEXT("00aBfF"), out, 3));
    assert_memory_equal(out, "\x00\xab\xff", 3);
    assert_false(hex_decode(TEXT("00abf"), out, 3));
    assert_false(hex_decode(TEXT("00abff00"), out, 3));
    assert_false(hex_decode(TEXT("00abfg"), out, 3));
    assert_true(hex_decode(TEXT_NONE, out, 0));
}

static void base64_matches_the_vectors_of_the_rfc(void **state)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    auto_pool struct pool *pool = pool_new();

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char out[16];
        size_t n;
        assert_text(b64_encode(pool, vectors[i][0], strlen(vectors[i][0])), vectors[i][1]);
        assert_true(b64_decode(text_of(vectors[i][1]), out, &n));
        assert_text(text_n(out, n), vectors[i][0]);
    }
    assert_text(b64_encode(pool, "\xfb\xff\xfe", 3), "+//+");
    assert_text(b64url_encode(pool, "\xfb\xff\xfe\xff", 4), "-__-_w");
}

static void base64_that_is_not_canonical_is_refused(void **state)
{
    static const char *const odd[] = {
        "Z",       "Zg",   "Zg=",      "Zg===",  "Zh==",  "Zm9=", "=",    "==",
        "====",    "Z===", "Zg==Zg==", "Zm9v\n", "Zm 9v", "Zm9-", "Zm9_", "\xc3\xa9\xc3\xa9",
        "Zm9vY=g="};
    static const char *const odd_url[] = {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm9vA"};
    char out[32];
    size_t n;

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(b64_decode(text_of(odd[i]), out, &n));
    for (size_t i = 0; i < sizeof(odd_url) / sizeof(odd_url[0]); i++)
        assert_false(b64url_decode(text_of(odd_url[i]), out, &n));
    assert_false(b64_decode(text_n("AA\0A", 4), out, &n));
}

static void every_length_survives_both_alphabets(void **state)
{
    unsigned char in[300], out[310];
    size_t n;

    random_bytes(in, sizeof(in));
    for (size_t len = 0; len <= sizeof(in); len++) {
        auto_pool struct pool *pool = pool_new();
        struct text plain = b64_encode(pool, in, len), url = b64url_encode(pool, in, len);
        assert_true(b64_decoded_max(plain.len) <= sizeof(out));
        assert_true(b64_decode(plain, out, &n));
        assert_int_equal(n, len);
        assert_true(n <= b64_decoded_max(plain.len) && n <= b64_decoded_max(url.len));
        assert_memory_equal(in, out, len);
        assert_true(b64url_decode(url, out, &n));
        assert_int_equal(n, len);
        assert_memory_equal(in, out, len);
    }
}

static void a_hundred_megabytes_decode_quickly(void **state)
{
    size_t len = 100 << 20, n;
    auto_free char *in = malloc(len), *out = malloc(b64_decoded_max(len));
    int64_t before = clock_mono_ms();

    memset(in, 'Q', len);
    assert_true(b64_decode(text_n(in, len), out, &n));
    assert_int_equal(n, len / 4 * 3);
    assert_true(clock_mono_ms() - before < 10000);
}

static void percent_is_decoded_once(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text out = TEXT("kept");
    static const char *const odd[] = {"%", "%4", "%4g", "%00", "a%00b", "%ff", "%c3", "%-1", "% 1"};

    assert_true(percent_decode(pool, TEXT("a%2fb%2525+%C3%a9"), false, &out));
    assert_text(out, "a/b%25+\xc3\xa9");
    assert_true(percent_decode(pool, TEXT("a+b%2b"), true, &out));
    assert_text(out, "a b+");
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(percent_decode(pool, text_of(odd[i]), false, &out));
    assert_false(percent_decode(pool, text_n("a\0", 2), false, &out));
    assert_text(out, "a b+");
    assert_text(percent_encode(pool, TEXT("aZ0-._~ /%\xc3\xa9@")), "aZ0-._~%20%2F%25%C3%A9%40");
}

static void html_is_escaped(void **state)
{
    auto_buf struct buf b;

    buf_init(&b, 1000);
    html_escape(&b, TEXT("<a href=\"x\">'&'</a>"));
    html_escape(&b, TEXT_NONE);
    assert_text(buf_view(&b), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(hex_goes_there_and_back),
    cmocka_unit_test(base64_matches_the_vectors_of_the_rfc),
    cmocka_unit_test(base64_that_is_not_canonical_is_refused),
    cmocka_unit_test(every_length_survives_both_alphabets),
    cmocka_unit_test(a_hundred_megabytes_decode_quickly),
    cmocka_unit_test(percent_is_decoded_once),
    cmocka_unit_test(html_is_escaped),
};
UNIT_MAIN(tests)
