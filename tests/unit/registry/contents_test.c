#include "tests/unit/unit.h"

#include "core/bundle.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/page/contents.h"

#include <stdio.h>

static struct text pack(struct pool *pool, const struct bundle_file *files, size_t n)
{
    struct text out;
    struct err err;

    assert_works(bundle_pack_tgz(pool, files, n, &out, &err), err);
    return out;
}

static const struct json *read_contents(struct pool *pool, struct text tarball)
{
    struct text document;
    struct json *doc;
    struct err err;

    assert_works(contents_read(pool, tarball, &document, &err), err);
    assert_works(json_read(pool, document, JSON_MAX_NODES, &doc, &err), err);
    return doc;
}

#define NODE_RED "{\"node-red\":{\"nodes\":{\"a\":\"./lib/a.js\"},\"plugins\":{\"p\":\"p\"}}}"

static void looks_are_read_of_the_files_that_are_named_alone(void **state)
{
    auto_pool struct pool *pool = pool_new();
    const struct bundle_file files[] = {
        {"package/lib/a.html", TEXT("registerType('a',{color:'#fff'})")},
        {"package/lib/a.js", TEXT("registerType('not from here',{})")},
        {"package/other.html", TEXT("registerType('other',{})")},
        {"package/p.js", TEXT("registerPlugin('night',{type:'node-red-theme'})")},
        {"package/lib/icons/a.png", TEXT("x")},
        {"package/icons/b.txt", TEXT("x")},
        {"package/myicons/c.png", TEXT("x")},
        {"package/examples/deep/one.json", TEXT("[]")},
        {"package/package.json", TEXT(NODE_RED)},
    };
    const struct json *doc = read_contents(pool, pack(pool, files, 9));
    struct text raw = doc->raw;

    assert_int_equal(json_get(doc, "nodes")->count, 1);
    assert_text(json_get(json_get(doc, "nodes")->child, "type")->text, "a");
    assert_int_equal(json_get(doc, "plugins")->count, 1);
    assert_int_equal(json_get(doc, "icons")->count, 1);
    assert_text(json_get(doc, "icons")->child->text, "lib/icons/a.png");
    assert_text(json_get(doc, "examples")->child->text, "deep/one");
    assert_null(memmem(raw.base, raw.len, "not from here", 13));
}

static void a_package_json_that_is_odd_leaves_the_files_alone(void **state)
{
    static const char *const odd[] = {"",
                                      "null",
                                      "[]",
                                      "{\"node-red\":1}",
                                      "{\"node-red\":{\"nodes\":[],\"plugins\":\"x\"}}",
                                      "{\"node-red\":{\"nodes\":{\"a\":1,\"b\":{},\"c\":\"\"}}}"};
    auto_pool struct pool *pool = pool_new();

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        const struct bundle_file files[] = {
            {"package/a.html", TEXT("registerType('a',{})")},
            {"package/package.json", text_of(odd[i])},
        };
        const struct json *doc = read_contents(pool, pack(pool, files, 2));
        assert_int_equal(json_get(doc, "files")->count, 2);
        assert_int_equal(json_get(doc, "nodes")->count, 0);
    }
}

static void many_files_are_counted_and_the_first_listed(void **state)
{
    enum { N = CONTENTS_MAX_FILES + 200 };
    auto_pool struct pool *pool = pool_new();
    struct bundle_file *files = pool_zalloc(pool, N * sizeof *files);

    for (unsigned i = 0; i < N; i++)
        files[i] =
            (struct bundle_file){pool_printf(pool, "package/examples/%u.json", i), TEXT("x")};
    const struct json *doc = read_contents(pool, pack(pool, files, N));
    int64_t count = 0;
    struct err err;
    assert_works(json_want_int(doc, "count", &count, &err), err);
    assert_int_equal(count, N);
    assert_int_equal(json_get(doc, "files")->count, CONTENTS_MAX_FILES);
    assert_int_equal(json_get(doc, "examples")->count, 1000);
}

static void what_is_no_tarball_is_refused_with_its_reason(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text document, bytes;
    struct err err;

    assert_fails(contents_read(pool, TEXT("no tarball"), &document, &err), err, ERR_UNPROCESSABLE,
                 "bad_bundle");
    const struct bundle_file file = {"package/a", TEXT("12345")};
    struct text tarball = pack(pool, &file, 1);
    assert_works(contents_file(pool, tarball, TEXT("a"), 5, &bytes, &err), err);
    assert_text(bytes, "12345");
    assert_fails(contents_file(pool, tarball, TEXT("a"), 4, &bytes, &err), err, ERR_TOO_LARGE,
                 "file_too_large");
    assert_fails(contents_file(pool, tarball, TEXT("b"), 5, &bytes, &err), err, ERR_NOT_FOUND,
                 "file_not_found");
    assert_fails(contents_file(pool, tarball, TEXT(""), 5, &bytes, &err), err, ERR_NOT_FOUND,
                 "file_not_found");
}

static void bytes_say_what_a_file_is_and_its_name_does_not(void **state)
{
    static const struct {
        const char *name;
        struct text bytes;
        const char *mime;
        bool image;
    } rows[] = {
        {"a.html", TEXT("\x89PNG\r\n\x1a\n...."), "image/png", true},
        {"a.png", TEXT("<html>"), "text/plain; charset=utf-8", false},
        {"a.jpg", TEXT("\xff\xd8\xff\xe0"), "image/jpeg", true},
        {"a.gif", TEXT("GIF89a"), "image/gif", true},
        {"a.webp", TEXT("RIFF....WEBP"), "image/webp", true},
        {"a.svg", TEXT("<svg/>"), "image/svg+xml", true},
        {"a.svg", TEXT("<svg/>\xff"), "application/octet-stream", false},
        {"a.svg", TEXT("<html>"), "text/plain; charset=utf-8", false},
        {"a.html", TEXT("<svg/>"), "text/plain; charset=utf-8", false},
        {"a.txt", TEXT("a\0b"), "application/octet-stream", false},
        {"a.txt", TEXT(""), "text/plain; charset=utf-8", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct contents_kind kind = contents_kind(text_of(rows[i].name), rows[i].bytes);
        assert_string_equal(kind.mime, rows[i].mime);
        assert_int_equal(kind.image, rows[i].image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_are_read_of_the_files_that_are_named_alone),
        cmocka_unit_test(a_package_json_that_is_odd_leaves_the_files_alone),
        cmocka_unit_test(many_files_are_counted_and_the_first_listed),
        cmocka_unit_test(what_is_no_tarball_is_refused_with_its_reason),
        cmocka_unit_test(bytes_say_what_a_file_is_and_its_name_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
