#include "tests/unit/unit.h"

#include "core/codec.h"
#include "core/pool.h"
#include "core/sign.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

static void what_a_key_signs_holds_and_nothing_else_does(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct sign_key *key = sign_key_new(), *other = sign_key_new();
    struct text message = TEXT("@acme/a@1.0.0:sha512-x"), public_key = sign_key_public(pool, key);
    struct text signature = sign_text(pool, key, message);

    assert_true(sign_holds(public_key, message, signature));
    assert_false(sign_holds(public_key, TEXT("@acme/a@1.0.1:sha512-x"), signature));
    assert_false(sign_holds(sign_key_public(pool, other), message, signature));
    assert_false(sign_holds(public_key, message, text_sub(signature, 0, signature.len - 1)));
    assert_false(sign_holds(public_key, message, TEXT_NONE));
    sign_key_free(key);
    sign_key_free(other);
}

static void a_key_is_itself_after_it_was_kept(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct err err;
    struct sign_key *key = sign_key_new();
    struct sign_key *again = sign_key_read(sign_key_private(pool, key), &err);

    assert_non_null(again);
    assert_true(text_eq(sign_key_public(pool, key), sign_key_public(pool, again)));
    assert_true(
        sign_holds(sign_key_public(pool, key), TEXT("x"), sign_text(pool, again, TEXT("x"))));
    sign_key_free(key);
    sign_key_free(again);
    sign_key_free(NULL);
}

/* A key of another kind would sign what clients do not take. */
static void only_keys_of_this_kind_are_read(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct err err;
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    unsigned char *der = NULL;
    int n = i2d_PrivateKey(p384, &der);

    assert_true(n > 0);
    assert_null(sign_key_read(text_n(der, (size_t)n), &err));
    assert_string_equal(err.code, "bad_key");
    OPENSSL_free(der);
    der = NULL;
    n = i2d_PUBKEY(p384, &der);
    assert_false(sign_holds(text_n(der, (size_t)n), TEXT("x"), TEXT("x")));
    OPENSSL_free(der);
    EVP_PKEY_free(p384);
    assert_null(sign_key_read(TEXT_NONE, &err));
    assert_null(sign_key_read(TEXT("0123"), &err));
    assert_false(sign_holds(TEXT_NONE, TEXT("x"), TEXT("x")));
    assert_false(sign_holds(TEXT("0123"), TEXT("x"), TEXT("x")));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_a_key_signs_holds_and_nothing_else_does),
    cmocka_unit_test(a_key_is_itself_after_it_was_kept),
    cmocka_unit_test(only_keys_of_this_kind_are_read),
};
UNIT_MAIN(tests)
