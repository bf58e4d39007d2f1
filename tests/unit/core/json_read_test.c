#include "tests/unit/unit.h"

#include "core/clock.h"
#include "core/json.h"
#include "core/pool.h"

static struct pool *pool;

static int setup(void **state)
{
    pool = pool_new();
    return 0;
}

static int teardown(void **state)
{
    pool_free(pool);
    return 0;
}

static struct json *read_ok(struct text input)
{
    struct json *doc = NULL;
    struct err err;

    assert_works(json_read(pool, input, JSON_MAX_NODES, &doc, &err), err);
    return doc;
}

static void refused(struct text input)
{
    struct json *doc = NULL;
    struct err err = {0};

    if (json_read(pool, input, JSON_MAX_NODES, &doc, &err) == 0)
        fail_msg("accepted: %.*s", TEXT_ARG(input));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.code, "bad_json");
    assert_null(doc);
}

static void values_have_types_text_and_order(void **state)
{
    struct json *doc = read_ok(TEXT(" {\"a\":1.50e2, \"b\" : [true,false,null,\"x\"],\"c\":{}} "));

    assert_int_equal(doc->type, JSON_OBJECT);
    assert_int_equal(doc->count, 3);
    assert_text(doc->child->key, "a");
    assert_int_equal(doc->child->type, JSON_NUMBER);
    assert_text(doc->child->text, "1.50e2");
    const struct json *b = json_get(doc, "b");
    assert_int_equal(b->type, JSON_ARRAY);
    assert_int_equal(b->count, 4);
    assert_true(b->child->boolean);
    assert_int_equal(b->child->next->type, JSON_BOOL);
    assert_false(b->child->next->boolean);
    assert_int_equal(b->child->next->next->type, JSON_NULL);
    assert_text(b->child->next->next->next->text, "x");
    assert_null(b->child->next->next->next->next);
    assert_int_equal(json_get(doc, "c")->count, 0);
}

static void raw_is_the_exact_input_of_each_value(void **state)
{
    struct json *doc = read_ok(TEXT(
        "\t{ \"n\" :\r\n -0.5 ,\"s\":\"a\\u00e9\\\"\", \"l\": [ 1 , [ ] ,{\"k\" : \"\"} ] }\n"));
    const struct json *list = json_get(doc, "l");

    assert_text(doc->raw, "{ \"n\" :\r\n -0.5 ,\"s\":\"a\\u00e9\\\"\", \"l\": [ 1 , [ ] ,{\"k\" : "
                          "\"\"} ] }");
    assert_text(json_get(doc, "n")->raw, "-0.5");
    assert_text(json_get(doc, "s")->raw, "\"a\\u00e9\\\"\"");
    assert_text(list->raw, "[ 1 , [ ] ,{\"k\" : \"\"} ]");
    assert_text(list->child->raw, "1");
    assert_text(list->child->next->raw, "[ ]");
    assert_text(list->child->next->next->raw, "{\"k\" : \"\"}");
    assert_text(json_at(list->child->next->next, "k")->raw, "\"\"");
}

static void scalars_are_documents_too(void **state)
{
    assert_text(read_ok(TEXT("12"))->text, "12");
    assert_text(read_ok(TEXT("12"))->raw, "12");
    assert_text(read_ok(TEXT(" 12 "))->raw, "12");
    assert_text(read_ok(TEXT("\"\""))->text, "");
    assert_non_null(read_ok(TEXT("\"\""))->text.base);
    assert_text(read_ok(TEXT("true"))->raw, "true");
    assert_text(read_ok(TEXT("null"))->raw, "null");
    assert_text(read_ok(TEXT("-1e+5"))->text, "-1e+5");
}

static void strings_without_escapes_are_views(void **state)
{
    struct text input = TEXT("{\"key\":\"plain \xc3\xa9\",\"e\":\"a\\nb\"}");
    struct json *doc = read_ok(input);

    assert_ptr_equal(doc->child->key.base, input.base + 2);
    assert_ptr_equal(doc->child->text.base, input.base + 8);
    assert_text(doc->child->next->text, "a\nb");
}

static void escapes_are_undone(void **state)
{
    assert_text(read_ok(TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""))->text, "\"\\/\b\f\n\r\t");
    assert_text(read_ok(TEXT("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00x\""))->text,
                "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80x");
    struct text nul = read_ok(TEXT("\"a\\u0000b\""))->text;
    assert_int_equal(nul.len, 3);
    assert_memory_equal(nul.base, "a\0b", 3);
}

static void half_a_surrogate_pair_becomes_a_replacement(void **state)
{
    assert_text(read_ok(TEXT("\"\\ud83d\""))->text, "\xef\xbf\xbd");
    assert_text(read_ok(TEXT("\"\\ude00\\ud83d\\u0041\""))->text, "\xef\xbf\xbd\xef\xbf\xbd"
                                                                  "A");
    assert_text(read_ok(TEXT("\"\\ud83d\\n\""))->text, "\xef\xbf\xbd\n");
}

static void malformed_documents_are_refused(void **state)
{
    static const char *const odd[] = {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{\"a\"}",
                                      "{a:1}",
                                      "'a'",
                                      "01",
                                      "1.",
                                      ".5",
                                      "+1",
                                      "-",
                                      "NaN",
                                      "tru",
                                      "nullx",
                                      "\"a",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "1 2",
                                      "[1] x",
                                      "{} {}",
                                      "[1 2]",
                                      "\"a\nb\"",
                                      "//c\n1",
                                      "/**/1",
                                      "[\v1]",
                                      "[1\f]",
                                      "1\v",
                                      "\v1",
                                      "{\"a\"\f:1}",
                                      "{\"a\":1\v}",
                                      "{\f}",
                                      "\xef\xbb\xbf{}",
                                      "\"\xff\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xc0\xaf\"",
                                      "\xff"};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        refused(text_of(odd[i]));
    refused(text_n("1\0", 2));
    refused(text_n("\0", 1));
    refused(text_n("\"a\0b\"", 5));
    refused(TEXT_NONE);
}

static void names_with_nul_or_twice_are_refused(void **state)
{
    refused(TEXT("{\"a\\u0000b\":1}"));
    refused(TEXT("{\"a\":1,\"b\":2,\"a\":3}"));
    refused(TEXT("{\"a\":1,\"\\u0061\":3}"));
    refused(TEXT("[{\"x\":{\"a\":1,\"a\":1}}]"));
    read_ok(TEXT("[{\"a\":1},{\"a\":{\"a\":1}}]"));
}

static void many_names_are_checked_without_taking_long(void **state)
{
    auto_buf struct buf b;
    int64_t before = clock_mono_ms();

    buf_init(&b, 10000000);
    buf_char(&b, '{');
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, "\"key-%d\":0,", i);
    size_t body = b.len;
    buf_str(&b, "\"last\":0}");
    assert_int_equal(read_ok(buf_view(&b))->count, 100001);
    b.len = body;
    buf_str(&b, "\"key-500\":0}");
    refused(buf_view(&b));
    assert_true(clock_mono_ms() - before < 20000);
}

static void depth_is_bounded(void **state)
{
    char deep[65 * 2];

    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    read_ok(text_n(deep + 1, 128));
    refused(text_n(deep, 130));
    char endless[100000];
    memset(endless, '[', sizeof(endless));
    refused(text_n(endless, sizeof(endless)));
}

static void nodes_are_bounded(void **state)
{
    struct json *doc;
    struct err err;

    assert_works(json_read(pool, TEXT("[1,2]"), 3, &doc, &err), err);
    assert_fails(json_read(pool, TEXT("[1,2,3]"), 3, &doc, &err), err, ERR_INVALID, "bad_json");
}

static void sixty_megabytes_of_base64_cost_no_copy(void **state)
{
    size_t n = 60 << 20;
    auto_free char *big = malloc(n + 20);
    size_t before = pool_size(pool);

    memcpy(big, "{\"data\":\"", 9);
    memset(big + 9, 'A', n);
    memcpy(big + 9 + n, "\"}", 2);
    struct json *doc = read_ok(text_n(big, n + 11));
    assert_ptr_equal(doc->child->text.base, big + 9);
    assert_int_equal(doc->child->text.len, n);
    assert_true(pool_size(pool) - before < 4096);
}

static void typed_access_tells_missing_from_wrong(void **state)
{
    struct json *doc =
        read_ok(TEXT("{\"d\":{\"s\":\"x\",\"n\":12,\"b\":true,\"z\":null,\"f\":1.5}}"));
    struct text t = TEXT("kept");
    int64_t n = 7;
    bool b = false;
    struct err err;

    assert_works(json_want_text(doc, "d.s", &t, &err), err);
    assert_text(t, "x");
    assert_works(json_want_text(doc, "d.nope", &t, &err), err);
    assert_works(json_want_text(doc, "d.z", &t, &err), err);
    assert_text(t, "x");
    assert_fails(json_want_text(doc, "d.n", &t, &err), err, ERR_INVALID, "bad_field");
    assert_works(json_want_int(doc, "d.n", &n, &err), err);
    assert_int_equal(n, 12);
    assert_fails(json_want_int(doc, "d.f", &n, &err), err, ERR_INVALID, "bad_field");
    assert_string_equal(err.text, "\"d.f\" must be a whole number.");
    assert_int_equal(n, 12);
    assert_works(json_want_bool(doc, "d.b", &b, &err), err);
    assert_true(b);
    assert_fails(json_want_bool(doc, "d.s", &b, &err), err, ERR_INVALID, "bad_field");
    assert_fails(json_need_text(doc, "d.z", &t, &err), err, ERR_INVALID, "missing_field");
    assert_fails(json_need_text(doc, "q", &t, &err), err, ERR_INVALID, "missing_field");
    assert_works(json_need_text(doc, "d.s", &t, &err), err);
    assert_null(json_at(doc, "d.s.x"));
    assert_null(json_get(NULL, "a"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    T(values_have_types_text_and_order),
    T(raw_is_the_exact_input_of_each_value),
    T(scalars_are_documents_too),
    T(strings_without_escapes_are_views),
    T(escapes_are_undone),
    T(half_a_surrogate_pair_becomes_a_replacement),
    T(malformed_documents_are_refused),
    T(names_with_nul_or_twice_are_refused),
    T(many_names_are_checked_without_taking_long),
    T(depth_is_bounded),
    T(nodes_are_bounded),
    T(sixty_megabytes_of_base64_cost_no_copy),
    T(typed_access_tells_missing_from_wrong),
};
UNIT_MAIN(tests)
