#include "tests/unit/unit.h"

#include "core/pool.h"
#include "registry/pkgname.h"
#include "registry/uplink/body.h"

#define BASE "http://localhost:8080/npm"

static const char DOC[] =
    "{ \"name\":\"@t/node\",\"dist-tags\":{\"latest\":\"2.0.0\"},\"versions\":{"
    "\"1.0.0\":{\"name\":\"@t/node\",\"version\":\"1.0.0\",\"dist\":{\"shasum\":\"abc\","
    "\"tarball\":\"https:\\/\\/elsewhere.example\\/x.tgz\"}},"
    "\"2.0.0\":{\"dist\":{\"tarball\":\"u\",\"integrity\":\"sha512-zz\"},\"deprecated\":\"d\"},"
    "\"a/../b\":{\"dist\":{}}},\"time\":{\"1.0.0\":\"t\"}}";

static void tarballs_point_here_and_the_rest_is_as_it_came(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct pkgname name;
    struct text body;
    struct err err;

    assert_true(pkgname_split(TEXT("@t/node"), &name));
    assert_works(uplink_body(pool, BASE, &name, text_of(DOC), &body, &err), err);
    assert_text(
        body, "{\"name\":\"@t/node\",\"dist-tags\":{\"latest\":\"2.0.0\"},\"versions\":{"
              "\"1.0.0\":{\"name\":\"@t/node\",\"version\":\"1.0.0\",\"dist\":{\"tarball\":\"" BASE
              "/@t/node/-/node-1.0.0.tgz\",\"shasum\":\"abc\"}},"
              "\"2.0.0\":{\"dist\":{\"tarball\":\"" BASE
              "/@t/node/-/node-2.0.0.tgz\",\"integrity\":\"sha512-zz\"},\"deprecated\":\"d\"}},"
              "\"time\":{\"1.0.0\":\"t\"}}");
}

/* JSON.parse reads them as versions, dist and tarball, and takes the last of a name. */
static void keys_that_are_written_as_others_are_left_out(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct pkgname name;
    struct text body;
    struct err err;

    assert_true(pkgname_split(TEXT("a"), &name));
    assert_works(
        uplink_body(
            pool, BASE, &name,
            TEXT("{\"versions\":{\"1.0.0\":{\"dist\":{\"tarb\\u0061ll\":\"x\"},\"d\\u0069st\":"
                 "{\"tarball\":\"x\"}}},\"v\\u0065rsions\":{\"2.0.0\":{}}}"),
            &body, &err),
        err);
    assert_text(body,
                "{\"versions\":{\"1.0.0\":{\"dist\":{\"tarball\":\"" BASE "/a/-/a-1.0.0.tgz\"}}}}");
}

static void one_version_is_found_by_tag_or_number(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct pkgname name;
    struct text body;
    struct err err;

    assert_true(pkgname_split(TEXT("@t/node"), &name));
    assert_works(uplink_body_version(pool, BASE, &name, text_of(DOC), TEXT("latest"), &body, &err),
                 err);
    assert_text(body,
                "{\"dist\":{\"tarball\":\"" BASE
                "/@t/node/-/node-2.0.0.tgz\",\"integrity\":\"sha512-zz\"},\"deprecated\":\"d\"}");
    assert_fails(uplink_body_version(pool, BASE, &name, text_of(DOC), TEXT("3.0.0"), &body, &err),
                 err, ERR_NOT_FOUND, "version_not_found");
}

static void the_promise_of_a_version_is_read(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct uplink_dist dist;

    assert_true(uplink_body_dist(pool, text_of(DOC), TEXT("1.0.0"), &dist));
    assert_text(dist.tarball, "https://elsewhere.example/x.tgz");
    assert_text(dist.shasum, "abc");
    assert_null(dist.integrity.base);
    assert_false(uplink_body_dist(pool, text_of(DOC), TEXT("9.0.0"), &dist));
}

static void a_document_of_another_package_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"name\":\"a\",\"versions\":{},\"versions\":{\"1.0.0\":{}}}",
        "",
        "{}",
        "[]",
        "{\"name\":\"b\",\"versions\":{}}",
        "{\"name\":\"a\"}",
        "{\"name\":\"a\",\"versions\":[]}",
        "{\"name\":\"a\",\"versions\":{}",
        "{\"name\":\"a\",\"versions\":{},\"x\":\"\xff\"}",
        "<html>"};
    struct err err;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(uplink_body_check(text_of(bad[i]), TEXT("a"), &err), err, ERR_UPSTREAM,
                     "bad_document");
    assert_works(uplink_body_check(TEXT("{\"name\":\"a\",\"versions\":{}}"), TEXT("a"), &err), err);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(tarballs_point_here_and_the_rest_is_as_it_came),
    cmocka_unit_test(keys_that_are_written_as_others_are_left_out),
    cmocka_unit_test(one_version_is_found_by_tag_or_number),
    cmocka_unit_test(the_promise_of_a_version_is_read),
    cmocka_unit_test(a_document_of_another_package_is_refused),
};
UNIT_MAIN(tests)
