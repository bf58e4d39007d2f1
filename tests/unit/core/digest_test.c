#include "tests/unit/unit.h"

#include <pthread.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/digest.h"
#include "core/pool.h"

static void hashes_match_known_values(void **state)
{
    auto_pool struct pool *pool = pool_new();
    unsigned char out[SHA512_BYTES];

    sha1(TEXT("abc"), out);
    assert_text(hex_encode(pool, out, SHA1_BYTES), "a9993e364706816aba3e25717850c26c9cd0d89d");
    sha256(TEXT("abc"), out);
    assert_text(hex_encode(pool, out, SHA256_BYTES),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(TEXT_NONE, out);
    assert_text(hex_encode(pool, out, SHA256_BYTES),
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha512(TEXT("abc"), out);
    assert_text(hex_encode(pool, out, SHA512_BYTES),
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

static void hmacs_match_known_values(void **state)
{
    auto_pool struct pool *pool = pool_new();
    unsigned char out[SHA256_BYTES];

    hmac_sha256(TEXT("Jefe"), TEXT("what do ya want for nothing?"), out);
    assert_text(hex_encode(pool, out, SHA256_BYTES),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_sha1(TEXT("Jefe"), TEXT("what do ya want for nothing?"), out);
    assert_text(hex_encode(pool, out, SHA1_BYTES), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    hmac_sha256(TEXT_NONE, TEXT_NONE, out);
    assert_text(hex_encode(pool, out, SHA256_BYTES),
                "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void parts_hash_like_the_whole(void **state)
{
    unsigned char whole[SHA512_BYTES], parts[SHA512_BYTES];
    struct digest *d = digest_new(DIGEST_SHA512);

    digest_add(d, "ab", 2);
    digest_add(d, NULL, 0);
    digest_add(d, "c", 1);
    digest_end(d, parts);
    sha512(TEXT("abc"), whole);
    assert_memory_equal(whole, parts, SHA512_BYTES);
    digest_free(digest_new(DIGEST_SHA1));
    digest_free(NULL);
}

static void equality_looks_at_all_bytes(void **state)
{
    assert_true(digest_equal(TEXT("abc"), TEXT("abc")));
    assert_false(digest_equal(TEXT("abc"), TEXT("abd")));
    assert_false(digest_equal(TEXT("abc"), TEXT("ab")));
    assert_true(digest_equal(TEXT_NONE, TEXT("")));
}

static void random_text_has_its_length_and_differs(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct text a = random_text(pool, 32), b = random_text(pool, 32);

    assert_int_equal(a.len, 43);
    assert_false(text_eq(a, b));
}

static void ids_sort_in_the_order_they_were_made(void **state)
{
    char before[27], id[27];

    random_id(before);
    for (int i = 0; i < 20000; i++) {
        random_id(id);
        assert_int_equal(strlen(id), 26);
        assert_true(strcmp(before, id) < 0);
        assert_int_equal(strspn(id, "0123456789abcdefghjkmnpqrstvwxyz"), 26);
        memcpy(before, id, sizeof(id));
    }
}

static void an_id_begins_with_its_time(void **state)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    int64_t before = clock_wall_ms(), ms = 0;
    char id[27];

    random_id(id);
    for (int i = 0; i < 10; i++)
        ms = ms * 32 + (strchr(digits, id[i]) - digits);
    assert_true(ms >= before && ms <= before + 2000);
}

static void *make_ids(void *arg)
{
    char(*ids)[27] = arg;

    for (int i = 0; i < 2000; i++)
        random_id(ids[i]);
    return NULL;
}

static void threads_never_make_the_same_id(void **state)
{
    static char ids[4000][27];
    pthread_t threads[2];

    pthread_create(&threads[0], NULL, make_ids, ids);
    pthread_create(&threads[1], NULL, make_ids, ids + 2000);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    qsort(ids, 4000, 27, (int (*)(const void *, const void *))strcmp);
    for (int i = 1; i < 4000; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(hashes_match_known_values),
    cmocka_unit_test(hmacs_match_known_values),
    cmocka_unit_test(parts_hash_like_the_whole),
    cmocka_unit_test(equality_looks_at_all_bytes),
    cmocka_unit_test(random_text_has_its_length_and_differs),
    cmocka_unit_test(ids_sort_in_the_order_they_were_made),
    cmocka_unit_test(an_id_begins_with_its_time),
    cmocka_unit_test(threads_never_make_the_same_id),
};
UNIT_MAIN(tests)
