#include "core/htpasswd.h"

#include <crypt.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "core/digest.h"
#include "core/pool.h"

#define APR1 "$apr1$"
#define SHA "{SHA}"
#define MD5_BYTES 16
#define APR1_ROUNDS 1000
#define APR1_SALT_MAX 8
#define APR1_DIGITS 22
#define BCRYPT_LEN 60
#define BCRYPT_COST_MAX 14 /* about a second */
#define DES_LEN 13
#define SHA_LEN (sizeof(SHA) - 1 + 28)

static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool all_digits(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.base[i] == '\0' || strchr(digits, t.base[i]) == NULL)
            return false;
    return true;
}

static bool is_bcrypt(struct text hash)
{
    int64_t cost;

    return hash.len == BCRYPT_LEN && hash.base[3] == '$' && hash.base[6] == '$' &&
           (text_starts(hash, "$2a") || text_starts(hash, "$2b") || text_starts(hash, "$2y")) &&
           text_number(text_sub(hash, 4, 2), 4, BCRYPT_COST_MAX, &cost) &&
           all_digits(text_sub(hash, 7, hash.len));
}

static bool is_des(struct text hash)
{
    return hash.len == DES_LEN && all_digits(hash);
}

static bool is_sha(struct text hash)
{
    return hash.len == SHA_LEN && text_starts(hash, SHA);
}

/* "$apr1$SALT$22 digits" */
static bool split_apr1(struct text hash, struct text *salt, struct text *sum)
{
    struct text rest = text_sub(hash, sizeof(APR1) - 1, hash.len);

    if (!text_starts(hash, APR1) || !text_cut(&rest, '$', salt))
        return false;
    *sum = rest;
    return salt->len > 0 && salt->len <= APR1_SALT_MAX && all_digits(*salt) &&
           sum->len == APR1_DIGITS && all_digits(*sum);
}

bool htpasswd_known(struct text hash)
{
    struct text salt, sum;

    return is_bcrypt(hash) || is_des(hash) || is_sha(hash) || split_apr1(hash, &salt, &sum);
}

static bool check_crypt(struct text hash, struct text password)
{
    auto_pool struct pool *pool = pool_new();
    struct crypt_data *data = pool_zalloc(pool, sizeof(*data));
    const char *made = crypt_r(text_c(pool, password), text_c(pool, hash), data);

    return made != NULL && digest_equal(text_of(made), hash);
}

static bool check_sha(struct text hash, struct text password)
{
    unsigned char sum[SHA1_BYTES];
    unsigned char made[32];

    sha1(password, sum);
    EVP_EncodeBlock(made, sum, sizeof(sum));
    return digest_equal(text_n(made, SHA_LEN - sizeof(SHA) + 1),
                        text_sub(hash, sizeof(SHA) - 1, hash.len));
}

static void add(EVP_MD_CTX *md, struct text t)
{
    EVP_DigestUpdate(md, t.base, t.len);
}

static void end(EVP_MD_CTX *md, unsigned char sum[MD5_BYTES])
{
    EVP_DigestFinal_ex(md, sum, NULL);
    EVP_DigestInit_ex(md, EVP_md5(), NULL);
}

/* Apache's apr_md5_encode: MD5 over a thousand mixtures of password, salt and what came before. */
static void apr1_sum(EVP_MD_CTX *md, struct text password, struct text salt,
                     unsigned char sum[MD5_BYTES])
{
    struct text so_far = text_n(sum, MD5_BYTES);

    add(md, password);
    add(md, salt);
    add(md, password);
    end(md, sum);
    add(md, password);
    add(md, TEXT(APR1));
    add(md, salt);
    for (size_t left = password.len; left > 0; left -= left < MD5_BYTES ? left : MD5_BYTES)
        add(md, text_sub(so_far, 0, left));
    for (size_t i = password.len; i > 0; i >>= 1)
        add(md, (i & 1) != 0 ? text_n("", 1) : text_sub(password, 0, 1));
    end(md, sum);
    for (unsigned i = 0; i < APR1_ROUNDS; i++) {
        add(md, (i & 1) != 0 ? password : so_far);
        if (i % 3 != 0)
            add(md, salt);
        if (i % 7 != 0)
            add(md, password);
        add(md, (i & 1) != 0 ? so_far : password);
        end(md, sum);
    }
}

static void apr1_digits(const unsigned char sum[MD5_BYTES], char out[APR1_DIGITS])
{
    static const unsigned char order[] = {0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5};
    size_t n = 0;

    for (size_t i = 0; i < sizeof(order); i += 3) {
        unsigned v = ((unsigned)sum[order[i]] << 16) | ((unsigned)sum[order[i + 1]] << 8) |
                     sum[order[i + 2]];
        for (unsigned k = 0; k < 4; k++, v >>= 6)
            out[n++] = digits[v & 0x3f];
    }
    out[n++] = digits[sum[11] & 0x3f];
    out[n] = digits[sum[11] >> 6];
}

static bool check_apr1(struct text hash, struct text password)
{
    unsigned char sum[MD5_BYTES];
    char made[APR1_DIGITS];
    struct text salt, wanted;
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    if (!split_apr1(hash, &salt, &wanted) || md == NULL ||
        EVP_DigestInit_ex(md, EVP_md5(), NULL) != 1) {
        EVP_MD_CTX_free(md);
        return false;
    }
    apr1_sum(md, password, salt, sum);
    EVP_MD_CTX_free(md);
    apr1_digits(sum, made);
    return digest_equal(text_n(made, sizeof(made)), wanted);
}

bool htpasswd_check(struct text hash, struct text password)
{
    if (password.len == 0 || text_has(password, '\0'))
        return false;
    if (is_bcrypt(hash) || is_des(hash))
        return check_crypt(hash, password);
    return is_sha(hash) ? check_sha(hash, password) : check_apr1(hash, password);
}
