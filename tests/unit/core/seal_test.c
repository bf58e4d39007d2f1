#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/file.h"
#include "core/pool.h"
#include "core/seal.h"

static struct pool *pool;
static char dir[64];
static const char *path;

static int setup(void **state)
{
    pool = pool_new();
    snprintf(dir, sizeof(dir), "/tmp/redhouse-seal-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    path = pool_printf(pool, "%s/secret.key", dir);
    return 0;
}

static int teardown(void **state)
{
    struct err err;

    pool_free(pool);
    return file_remove_tree(dir, &err);
}

static struct seal *open_ok(void)
{
    struct err err;

    assert_works(seal_create(path, &err), err);
    struct seal *seal = seal_open(path, &err);
    if (seal == NULL)
        fail_msg("%s", err.text);
    return seal;
}

static void a_secret_comes_back_for_its_purpose_only(void **state)
{
    struct seal *seal = open_ok();
    struct text sealed = seal_put(seal, pool, TEXT("source.token:1"), TEXT("s3cret")), out;
    struct err err;

    assert_works(seal_get(seal, pool, TEXT("source.token:1"), sealed, &out, &err), err);
    assert_text(out, "s3cret");
    assert_fails(seal_get(seal, pool, TEXT("source.token:2"), sealed, &out, &err), err,
                 ERR_INTERNAL, "sealed");
    assert_text(out, "s3cret");
    assert_false(text_eq(sealed, seal_put(seal, pool, TEXT("source.token:1"), TEXT("s3cret"))));
    sealed = seal_put(seal, pool, TEXT_NONE, TEXT_NONE);
    assert_works(seal_get(seal, pool, TEXT_NONE, sealed, &out, &err), err);
    assert_int_equal(out.len, 0);
    seal_close(seal);
    seal_close(NULL);
}

static void any_changed_bit_is_noticed(void **state)
{
    struct seal *seal = open_ok();
    struct text sealed = seal_put(seal, pool, TEXT("p"), TEXT("secret")), out;
    unsigned char bytes[64];
    size_t n;
    struct err err;

    assert_true(b64_decode(sealed, bytes, &n));
    assert_int_equal(n, 1 + 12 + 6 + 16);
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 1;
        assert_int_equal(seal_get(seal, pool, TEXT("p"), b64_encode(pool, bytes, n), &out, &err),
                         -1);
        bytes[i] ^= 1;
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(seal_get(seal, pool, TEXT("p"), b64_encode(pool, bytes, i), &out, &err),
                         -1);
    assert_int_equal(seal_get(seal, pool, TEXT("p"), TEXT("not base64"), &out, &err), -1);
    assert_int_equal(seal_get(seal, pool, TEXT("p"), TEXT_NONE, &out, &err), -1);
    seal_close(seal);
}

static void another_key_opens_nothing(void **state)
{
    struct seal *seal = open_ok(), *other;
    struct text sealed = seal_put(seal, pool, TEXT("p"), TEXT("secret")), out;
    struct err err;

    unlink(path);
    other = open_ok();
    assert_int_equal(seal_get(other, pool, TEXT("p"), sealed, &out, &err), -1);
    seal_close(seal);
    seal_close(other);
}

static void create_keeps_the_key_that_is_there(void **state)
{
    struct seal *first = open_ok(), *second = open_ok();
    struct text sealed = seal_put(first, pool, TEXT("p"), TEXT("secret")), out;
    struct stat st;
    struct err err;

    assert_works(seal_get(second, pool, TEXT("p"), sealed, &out, &err), err);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 65);
    assert_int_equal(st.st_nlink, 1);
    seal_close(first);
    seal_close(second);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
}

static void key_files_that_are_missing_damaged_or_open_say_what_to_do(void **state)
{
    struct err err;

    assert_null(seal_open(path, &err));
    assert_string_equal(err.code, "no_key_file");
    assert_int_equal(err.kind, ERR_INTERNAL);
    assert_non_null(strstr(err.text, path));
    assert_works(file_replace(path, TEXT("1234\n"), 0600, &err), err);
    assert_null(seal_open(path, &err));
    assert_string_equal(err.code, "bad_key_file");
    assert_works(file_replace(path, TEXT(""), 0600, &err), err);
    assert_null(seal_open(path, &err));
    assert_string_equal(err.code, "bad_key_file");
    unlink(path);
    seal_close(open_ok());
    chmod(path, 0640);
    assert_null(seal_open(path, &err));
    assert_non_null(strstr(err.text, "chmod 600"));
}

/* The same by OpenSSL's own HKDF. */
static void reference(const unsigned char *key, struct text purpose, unsigned char out[32])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)purpose.base,
                                          purpose.len),
        OSSL_PARAM_construct_end(),
    };

    assert_int_equal(EVP_KDF_derive(ctx, out, 32, params), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static void derived_keys_are_hkdf_and_differ_by_purpose(void **state)
{
    struct seal *seal = open_ok();
    auto_buf struct buf content;
    unsigned char key[32], wanted[32], a[32], b[32];
    struct err err;

    buf_init(&content, 100);
    assert_works(file_read(path, 100, &content, &err), err);
    assert_true(hex_decode(text_sub(buf_view(&content), 0, 64), key, 32));
    seal_key(seal, TEXT("identity"), a);
    reference(key, TEXT("identity"), wanted);
    assert_memory_equal(a, wanted, 32);
    seal_key(seal, TEXT("cookies"), b);
    assert_memory_not_equal(a, b, 32);
    seal_close(seal);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    T(a_secret_comes_back_for_its_purpose_only),
    T(any_changed_bit_is_noticed),
    T(another_key_opens_nothing),
    T(create_keeps_the_key_that_is_there),
    T(key_files_that_are_missing_damaged_or_open_say_what_to_do),
    T(derived_keys_are_hkdf_and_differ_by_purpose),
};
UNIT_MAIN(tests)
