#include "tests/unit/unit.h"

#include "core/codec.h"
#include "core/digest.h"
#include "core/pool.h"
#include "registry/document.h"

#define MAX_TARBALL 1000

/* A document that passes; each test bends one part of it by replacing from with to. */
static const char GOOD[] =
    "{\"_id\":\"@acme/a\",\"name\":\"@acme/"
    "a\",\"readme\":\"top\",\"dist-tags\":{\"latest\":\"1.0.0\"},"
    "\"versions\":{\"1.0.0\":{\"name\":\"@acme/a\",\"version\":\"1.0.0\",\"_id\":\"@acme/a@1.0.0\","
    "\"dist\":{\"integrity\":\"sha512-x\",\"shasum\":\"y\"}}},"
    "\"_attachments\":{\"@acme/a-1.0.0.tgz\":{\"data\":\"aGVsbG8=\",\"length\":5}}}";

static struct text bend(struct pool *pool, const char *from, const char *to)
{
    const char *at = strstr(GOOD, from);
    assert_non_null(at);
    return text_printf(pool, "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
}

static int read_it(struct pool *pool, struct text body, struct document_publish *out,
                   struct err *err)
{
    struct json *doc;
    struct pkgname name;
    assert_true(pkgname_split(TEXT("@acme/a"), &name));
    if (document_read(pool, body, &doc, err) != 0)
        return -1;
    assert_int_equal(document_kind(doc), DOCUMENT_PUBLISH);
    return document_publish(pool, doc, &name, MAX_TARBALL, out, err);
}

static void a_publish_is_read(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct document_publish p;
    struct err err;

    assert_works(read_it(pool, text_of(GOOD), &p, &err), err);
    assert_text(p.version, "1.0.0");
    assert_text(p.tarball, "hello");
    assert_text(p.integrity, "sha512-x");
    assert_text(p.readme, "top");
    assert_int_equal(p.tags->count, 1);
}

static void a_provenance_bundle_may_stand_beside_the_tarball(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct document_publish p;
    struct err err;

    assert_works(
        read_it(pool,
                bend(pool, "\"_attachments\":{",
                     "\"_attachments\":{\"a-1.0.0.sigstore\":{\"data\":\"{}\",\"length\":2},"),
                &p, &err),
        err);
    assert_text(p.tarball, "hello");
}

static void what_does_not_fit_together_is_refused(void **state)
{
    static const struct {
        const char *from, *to, *code;
    } cases[] = {
        {"\"name\":\"@acme/a\",\"readme\"", "\"name\":\"@acme/b\",\"readme\"", "wrong_name"},
        {"\"_id\":\"@acme/a\",", "\"_id\":\"@acme/b\",", "wrong_name"},
        {"{\"1.0.0\":{\"name\":\"@acme/a\"", "{\"1.0.0\":{\"name\":\"@acme/b\"", "wrong_name"},
        {"@acme/a@1.0.0", "@acme/a@1.0.1", "wrong_name"},
        {"\"version\":\"1.0.0\"", "\"version\":\"1.0.1\"", "wrong_version"},
        {"{\"1.0.0\":{", "{\"v1.0.0\":{", "bad_version"},
        {"{\"1.0.0\":{", "{\"01.0.0\":{", "bad_version"},
        {"{\"1.0.0\":{", "{\"latest\":{", "bad_version"},
        {"{\"1.0.0\":{", "{\"../1.0.0\":{", "bad_version"},
        {"{\"1.0.0\":{", "{\"1.0.0+build\":{", "bad_version"},
        {"{\"1.0.0\":{", "{\"1.0.1\":{},\"1.0.0\":{", "bad_document"},
        {"{\"latest\":\"1.0.0\"}", "{\"1.x\":\"1.0.0\"}", "bad_tag"},
        {"{\"latest\":\"1.0.0\"}", "{\"latest\":\"2.0.0\"}", "bad_tag"},
        {"{\"latest\":\"1.0.0\"}", "{\"latest\":1}", "bad_tag"},
        {"\"length\":5", "\"length\":6", "bad_document"},
        {"aGVsbG8=", "aGVsbG8", "bad_document"},
        {"aGVsbG8=", "aGVs bG8=", "bad_document"},
        {"\"_attachments\":{", "\"_attachments\":{\"b.tgz\":{\"data\":\"\",\"length\":0},",
         "bad_document"},
        {"a-1.0.0.tgz", "a-1.0.0.zip", "bad_document"},
        {"\"dist-tags\"", "\"__proto__\"", "bad_document"},
        {"\"readme\":\"top\"", "\"readme\":{\"__proto__\":{}}", "bad_document"},
    };
    auto_pool struct pool *pool = pool_new();
    struct document_publish p;
    struct err err;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err = (struct err){0};
        assert_int_equal(read_it(pool, bend(pool, cases[i].from, cases[i].to), &p, &err), -1);
        if (strcmp(err.code, cases[i].code) != 0)
            fail_msg("%s: %s, not %s: %s", cases[i].to, err.code, cases[i].code, err.text);
    }
}

static void duplicate_keys_and_depth_are_refused(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct json *doc;
    struct err err;
    char deep[2000];

    assert_fails(document_read(pool, TEXT("{\"name\":\"a\",\"name\":\"b\"}"), &doc, &err), err,
                 ERR_INVALID, "bad_json");
    memset(deep, '[', sizeof deep);
    assert_fails(document_read(pool, text_n(deep, sizeof deep), &doc, &err), err, ERR_INVALID,
                 "bad_json");
    assert_fails(document_read(pool, TEXT("[]"), &doc, &err), err, ERR_INVALID, "bad_json");
}

static void a_large_tarball_is_refused_before_it_is_decoded(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct document_publish p;
    struct err err;
    char data[2001];

    memset(data, 'A', 2000);
    data[2000] = '\0';
    assert_fails(read_it(pool, bend(pool, "aGVsbG8=", data), &p, &err), err, ERR_TOO_LARGE,
                 "tarball_too_large");
}

static enum document_kind kind_of(struct pool *pool, const char *body)
{
    struct json *doc;
    struct err err;
    assert_works(document_read(pool, text_of(body), &doc, &err), err);
    return document_kind(doc);
}

static void documents_are_told_apart(void **state)
{
    auto_pool struct pool *pool = pool_new();

    assert_int_equal(kind_of(pool, "{\"versions\":{},\"maintainers\":[]}"), DOCUMENT_VERSIONS);
    assert_int_equal(kind_of(pool, "{\"versions\":{},\"_attachments\":{}}"), DOCUMENT_VERSIONS);
    assert_int_equal(kind_of(pool, "{\"_rev\":\"1\",\"maintainers\":[]}"), DOCUMENT_OWNERS);
    assert_int_equal(kind_of(pool, "{\"users\":{\"a\":true}}"), DOCUMENT_STARS);
    assert_int_equal(kind_of(pool, "{}"), DOCUMENT_OTHER);
    assert_int_equal(kind_of(pool, "{\"_attachments\":1,\"versions\":2}"), DOCUMENT_OTHER);
}

static int promise(struct pool *pool, struct text integrity, struct text shasum)
{
    unsigned char s512[SHA512_BYTES], s1[SHA1_BYTES];
    sha512(TEXT("hello"), s512);
    sha1(TEXT("hello"), s1);
    return document_check_promise(pool, integrity, shasum, s512, s1, NULL);
}

static void promises_must_be_kept_and_be_there(void **state)
{
    auto_pool struct pool *pool = pool_new();
    unsigned char sum[SHA512_BYTES];
    struct text sha1_hex = TEXT("aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");

    sha512(TEXT("hello"), sum);
    struct text b64 = b64_encode(pool, sum, sizeof sum);
    struct text good = text_printf(pool, "sha512-%.*s", TEXT_ARG(b64));
    struct text many = text_printf(pool, "sha384-zzz %.*s?opt", TEXT_ARG(good));
    struct text half = text_printf(pool, "%.*s sha512-AAAA", TEXT_ARG(good));

    assert_int_equal(promise(pool, good, TEXT_NONE), 0);
    assert_int_equal(promise(pool, many, sha1_hex), 0);
    assert_int_equal(promise(pool, TEXT_NONE, sha1_hex), 0);
    assert_int_equal(promise(pool, TEXT_NONE, TEXT_NONE), -1);
    assert_int_equal(promise(pool, TEXT("sha384-zzz"), TEXT_NONE), -1);
    assert_int_equal(promise(pool, half, TEXT_NONE), -1);
    assert_int_equal(promise(pool, TEXT("sha512-"), sha1_hex), -1);
    assert_int_equal(promise(pool, good, TEXT("aaf4")), -1);
    assert_int_equal(promise(pool, TEXT("sha1-AAAA"), TEXT_NONE), -1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_publish_is_read),
    cmocka_unit_test(a_provenance_bundle_may_stand_beside_the_tarball),
    cmocka_unit_test(what_does_not_fit_together_is_refused),
    cmocka_unit_test(duplicate_keys_and_depth_are_refused),
    cmocka_unit_test(a_large_tarball_is_refused_before_it_is_decoded),
    cmocka_unit_test(documents_are_told_apart),
    cmocka_unit_test(promises_must_be_kept_and_be_there),
};
UNIT_MAIN(tests)
