#include "tests/unit/unit.h"

#include "registry/commands.h"

#include "core/err.h"
#include "core/pool.h"

static void each_way_to_write_commands_is_brought_to_one_form(void **state)
{
    static const struct {
        const char *package_json, *commands;
    } cases[] = {
        {"{\"bin\":\"cli.js\"}", "{\"thing\":\"cli.js\"}"},
        {"{\"bin\":\"./bin//cli.js\"}", "{\"thing\":\"bin/cli.js\"}"},
        {"{\"bin\":{\"a\":\"./a.js\",\"b\":\"b.js\"}}", "{\"a\":\"a.js\",\"b\":\"b.js\"}"},
        {"{\"bin\":[\"bin/a\",\"./bin/b\"]}", "{\"a\":\"bin/a\",\"b\":\"bin/b\"}"},
        {"{\"bin\":{\"../../evil\":\"x\",\"@s/y\":\"y\",\"c:\\\\z\":\"z\"}}",
         "{\"evil\":\"x\",\"y\":\"y\",\"z\":\"z\"}"},
        {"{\"bin\":{\"a\":\"../../../etc/passwd\",\"b\":\"x/../y\"}}",
         "{\"a\":\"etc/passwd\",\"b\":\"y\"}"},
        {"{\"bin\":{\"..\":\"x\",\"\":\"y\",\"a/\":\"z\",\"n\":5,\"e\":\"\"}}", NULL},
        {"{\"bin\":{\"a\":\"1\",\"x/a\":\"2\"}}", "{\"a\":\"1\"}"},
        {"{\"bin\":{}}", NULL},
        {"{\"bin\":true}", NULL},
        {"{}", NULL},
    };
    auto_pool struct pool *pool = pool_new();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json *doc;
        struct err err;
        assert_works(json_read(pool, text_of(cases[i].package_json), 100, &doc, &err), err);
        struct text found = commands_of_bin(pool, doc, TEXT("thing"));
        if (cases[i].commands == NULL)
            assert_null(found.base);
        else
            assert_text(found, cases[i].commands);
    }
}

static void a_folder_of_commands_counts_when_there_is_no_bin(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct json *doc;
    struct err err;

    assert_works(json_read(pool, TEXT("{\"directories\":{\"bin\":\"./tools/\"}}"), 100, &doc, &err),
                 err);
    struct text folder = commands_folder(pool, doc);
    assert_text(folder, "tools");
    assert_true(commands_in_folder(folder, TEXT("tools/run")));
    assert_true(commands_in_folder(folder, TEXT("tools/deep/run")));
    assert_false(commands_in_folder(folder, TEXT("tools")));
    assert_false(commands_in_folder(folder, TEXT("toolsmith/run")));
    assert_false(commands_in_folder(folder, TEXT("tools/.hidden")));
    assert_false(commands_in_folder(folder, TEXT("lib/run")));
    struct commands_file two = {TEXT("tools/deep/run"), NULL}, one = {TEXT("tools/walk"), &two};
    assert_text(commands_of_files(pool, &one),
                "{\"walk\":\"tools/walk\",\"run\":\"tools/deep/run\"}");
    assert_null(commands_of_files(pool, NULL).base);

    assert_works(
        json_read(pool, TEXT("{\"bin\":\"a\",\"directories\":{\"bin\":\"b\"}}"), 100, &doc, &err),
        err);
    assert_null(commands_folder(pool, doc).base);
    assert_works(json_read(pool, TEXT("{\"directories\":{\"bin\":\"../..\"}}"), 100, &doc, &err),
                 err);
    assert_null(commands_folder(pool, doc).base);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_way_to_write_commands_is_brought_to_one_form),
    cmocka_unit_test(a_folder_of_commands_counts_when_there_is_no_bin),
};
UNIT_MAIN(tests)
