#include "tests/unit/unit.h"

#include "core/codec.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/identity.h"

#define NOW 1700000000000

static unsigned char key[32] = "0123456789abcdef0123456789abcde";

static struct identity_claim claim(void)
{
    return (struct identity_claim){.instance = TEXT("01inst"),
                                   .user = TEXT("ada"),
                                   .permissions = TEXT("*"),
                                   .name = TEXT("Ada \"L\""),
                                   .key = key};
}

/* Checks the MAC and reads the payload. */
static struct json *open_value(struct pool *pool, struct text value)
{
    size_t dot = text_find(value, '.', 0), n;
    struct text payload = text_sub(value, 0, dot);
    struct text mac = text_sub(value, dot + 1, value.len);
    char *plain = pool_alloc(pool, b64_decoded_max(payload.len));
    unsigned char wanted[SHA256_BYTES];
    struct json *doc;
    struct err err;

    hmac_sha256(text_n(key, sizeof(key)), payload, wanted);
    assert_true(text_eq(mac, b64url_encode(pool, wanted, sizeof(wanted))));
    assert_true(b64url_decode(payload, plain, &n));
    assert_works(json_read(pool, text_n(plain, n), 100, &doc, &err), err);
    return doc;
}

static void the_header_is_what_the_launcher_verifies(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct identity_claim c = claim();
    struct json *doc = open_value(pool, identity_sign(pool, &c, NOW));

    assert_text(json_get(doc, "i")->text, "01inst");
    assert_text(json_get(doc, "u")->text, "ada");
    assert_text(json_get(doc, "p")->text, "*");
    assert_text(json_get(doc, "n")->text, "Ada \"L\"");
    assert_text(json_get(doc, "e")->text, "1700000060");
}

static void a_value_is_kept_for_some_seconds_of_its_minute(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct identity_cache *cache = identity_cache_new();
    struct identity_claim c = claim();
    struct text first = text_dup(pool, identity_cached(cache, &c, NOW));

    assert_true(text_eq(identity_cached(cache, &c, NOW + IDENTITY_REUSE_MS - 1), first));
    assert_false(text_eq(identity_cached(cache, &c, NOW + IDENTITY_REUSE_MS), first));
    /* a clock that was set back makes no value live longer */
    assert_false(text_eq(identity_cached(cache, &c, NOW - 5000), first));
    identity_cache_free(cache);
}

static void every_field_makes_another_value(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct identity_cache *cache = identity_cache_new();
    static unsigned char other_key[32] = {1};
    struct identity_claim c = claim();
    struct text first = text_dup(pool, identity_cached(cache, &c, NOW));

    c.permissions = TEXT("read");
    assert_text(json_get(open_value(pool, identity_cached(cache, &c, NOW)), "p")->text, "read");
    c = claim();
    c.user = TEXT("eve");
    assert_text(json_get(open_value(pool, identity_cached(cache, &c, NOW)), "u")->text, "eve");
    c = claim();
    c.instance = TEXT("02inst");
    assert_text(json_get(open_value(pool, identity_cached(cache, &c, NOW)), "i")->text, "02inst");
    c = claim();
    /* the border between two fields is part of the question */
    c.user = TEXT("ada*");
    c.permissions = TEXT("");
    assert_text(json_get(open_value(pool, identity_cached(cache, &c, NOW)), "p")->text, "");
    c = claim();
    c.key = other_key;
    assert_false(text_eq(identity_cached(cache, &c, NOW), first));
    c = claim();
    assert_true(text_eq(identity_cached(cache, &c, NOW), first));
    identity_cache_free(cache);
}

static void a_name_too_long_gives_no_identity(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct identity_cache *cache = identity_cache_new();
    struct identity_claim c = claim();
    char *name = pool_alloc(pool, 5000);

    memset(name, 'a', 5000);
    c.name = text_n(name, 5000);
    assert_null(identity_cached(cache, &c, NOW).base);
    assert_null(identity_sign(pool, &c, NOW).base);
    identity_cache_free(cache);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_header_is_what_the_launcher_verifies),
    cmocka_unit_test(a_value_is_kept_for_some_seconds_of_its_minute),
    cmocka_unit_test(every_field_makes_another_value),
    cmocka_unit_test(a_name_too_long_gives_no_identity),
};
UNIT_MAIN(tests)
