#include "core/sign.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/err.h"
#include "core/pool.h"

#define CURVE "P-256"

struct sign_key {
    EVP_PKEY *pkey;
};

/* It fails only if OpenSSL is broken or memory is out; either way nothing can go on. */
static void must(bool done)
{
    if (!done)
        abort();
}

struct sign_key *sign_key_new(void)
{
    struct sign_key *key = xcalloc(1, sizeof *key);
    key->pkey = EVP_EC_gen(CURVE);
    must(key->pkey != NULL);
    return key;
}

static bool is_ours(const EVP_PKEY *pkey)
{
    char name[64] = "";
    return EVP_PKEY_is_a(pkey, "EC") == 1 &&
           EVP_PKEY_get_group_name(pkey, name, sizeof name, NULL) == 1 &&
           strcmp(name, "prime256v1") == 0;
}

struct sign_key *sign_key_read(struct text der, struct err *err)
{
    const unsigned char *p = (const unsigned char *)der.base;
    EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
    if (pkey == NULL || !is_ours(pkey)) {
        EVP_PKEY_free(pkey);
        err_set(err, ERR_INTERNAL, "bad_key", "A signing key cannot be read.");
        return NULL;
    }
    struct sign_key *key = xcalloc(1, sizeof *key);
    key->pkey = pkey;
    return key;
}

void sign_key_free(struct sign_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

struct text sign_key_private(struct pool *pool, const struct sign_key *key)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
    unsigned char *der = NULL;
    int n = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
    must(n > 0);
    struct text out = text_dup(pool, text_n(der, (size_t)n));
    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_clear_free(der, (size_t)n);
    return out;
}

struct text sign_key_public(struct pool *pool, const struct sign_key *key)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key->pkey, &der);
    must(n > 0);
    struct text out = text_dup(pool, text_n(der, (size_t)n));
    OPENSSL_free(der);
    return out;
}

struct text sign_text(struct pool *pool, const struct sign_key *key, struct text t)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = (size_t)EVP_PKEY_get_size(key->pkey);
    unsigned char *out = pool_alloc(pool, n);
    must(ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
         EVP_DigestSign(ctx, out, &n, (const unsigned char *)t.base, t.len) == 1);
    EVP_MD_CTX_free(ctx);
    return text_n(out, n);
}

bool sign_holds(struct text public_key, struct text t, struct text signature)
{
    const unsigned char *p = (const unsigned char *)public_key.base;
    EVP_PKEY *pkey = public_key.len > 0 ? d2i_PUBKEY(NULL, &p, (long)public_key.len) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool holds = pkey != NULL && ctx != NULL && is_ours(pkey) &&
                 EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
                 EVP_DigestVerify(ctx, (const unsigned char *)signature.base, signature.len,
                                  (const unsigned char *)t.base, t.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return holds;
}
