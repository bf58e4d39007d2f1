#include "core/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"

#define KEY_BYTES 32
#define VERSION 1
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define HEAD_BYTES (1 + NONCE_BYTES)

struct seal {
    unsigned char master[KEY_BYTES];
    unsigned char cipher[KEY_BYTES]; /* what secrets are encrypted with, derived from master */
};

static void must(int done)
{
    if (done != 1)
        abort();
}

static int read_key(const char *path, unsigned char key[KEY_BYTES], struct err *err)
{
    auto_buf struct buf content = {0};
    struct stat st;

    buf_init(&content, 256);
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        return err_set(err, ERR_INTERNAL, "bad_key_file",
                       "The key file %s can be read by others: chmod 600 it.", path);
    if (file_read(path, 255, &content, err) != 0) {
        if (err != NULL && err->kind == ERR_NOT_FOUND)
            err_set(err, ERR_INTERNAL, "no_key_file",
                    "The key file %s is missing: bring it back from the backup, without it no "
                    "stored secret can be read.",
                    path);
        return -1;
    }
    struct text hex = buf_view(&content);
    if (text_ends(hex, "\n"))
        hex.len--;
    bool good = hex_decode(hex, key, KEY_BYTES);
    OPENSSL_cleanse(content.base, content.len);
    if (good)
        return 0;
    return err_set(err, ERR_INTERNAL, "bad_key_file",
                   "The key file %s is damaged: it must hold %d hexadecimal digits. Bring it back "
                   "from the backup.",
                   path, KEY_BYTES * 2);
}

struct seal *seal_open(const char *path, struct err *err)
{
    unsigned char master[KEY_BYTES];

    if (read_key(path, master, err) != 0)
        return NULL;
    struct seal *seal = xmalloc(sizeof(*seal));
    memcpy(seal->master, master, sizeof(master));
    OPENSSL_cleanse(master, sizeof(master));
    seal_key(seal, TEXT("redhouse secrets at rest 1"), seal->cipher);
    return seal;
}

int seal_create(const char *path, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    unsigned char key[KEY_BYTES];
    char id[27];
    int fd;

    if (access(path, F_OK) == 0)
        return 0;
    random_id(id);
    random_bytes(key, sizeof(key));
    const char *temp = pool_printf(pool, "%s.%s.tmp", path, id);
    char *line = pool_printf(pool, "%s\n", hex_encode(pool, key, sizeof(key)).base);
    if (file_create(temp, 0600, &fd, err) != 0)
        return -1;
    int rc = file_write_all(fd, line, strlen(line), err);
    if (rc == 0)
        rc = file_sync(fd, temp, err);
    file_close(fd);
    if (rc == 0)
        rc = file_link(temp, path, err); /* whole or not at all, never in place of another key */
    file_unlink(temp, NULL);
    OPENSSL_cleanse(line, strlen(line));
    OPENSSL_cleanse(key, sizeof(key));
    return rc;
}

void seal_close(struct seal *seal)
{
    if (seal == NULL)
        return;
    OPENSSL_cleanse(seal, sizeof(*seal));
    free(seal);
}

struct text seal_put(struct seal *seal, struct pool *pool, struct text purpose, struct text secret)
{
    unsigned char *sealed = pool_alloc(pool, HEAD_BYTES + secret.len + TAG_BYTES);
    unsigned char *body = sealed + HEAD_BYTES;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    must(ctx != NULL && secret.len < INT32_MAX && purpose.len < INT32_MAX);
    sealed[0] = VERSION;
    random_bytes(sealed + 1, NONCE_BYTES);
    must(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->cipher, sealed + 1));
    must(EVP_EncryptUpdate(ctx, NULL, &n, sealed, 1));
    if (purpose.len > 0)
        must(EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)purpose.base,
                               (int)purpose.len));
    if (secret.len > 0)
        must(EVP_EncryptUpdate(ctx, body, &n, (const unsigned char *)secret.base, (int)secret.len));
    must(EVP_EncryptFinal_ex(ctx, body + secret.len, &n));
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, body + secret.len));
    EVP_CIPHER_CTX_free(ctx);
    return b64_encode(pool, sealed, HEAD_BYTES + secret.len + TAG_BYTES);
}

/* Decrypts in place; false unless the tag fits key, purpose and text. */
static bool unseal(struct seal *seal, struct text purpose, unsigned char *sealed, size_t len)
{
    unsigned char *body = sealed + HEAD_BYTES;
    int n, size = (int)(len - HEAD_BYTES - TAG_BYTES);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    must(ctx != NULL && purpose.len < INT32_MAX);
    must(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->cipher, sealed + 1));
    must(EVP_DecryptUpdate(ctx, NULL, &n, sealed, 1));
    if (purpose.len > 0)
        must(EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)purpose.base,
                               (int)purpose.len));
    if (size > 0)
        must(EVP_DecryptUpdate(ctx, body, &n, body, size));
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, body + size));
    bool good = EVP_DecryptFinal_ex(ctx, body + size, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

int seal_get(struct seal *seal, struct pool *pool, struct text purpose, struct text sealed,
             struct text *secret, struct err *err)
{
    unsigned char *bytes = pool_alloc(pool, b64_decoded_max(sealed.len));
    size_t n;

    if (!b64_decode(sealed, bytes, &n) || n < HEAD_BYTES + TAG_BYTES || n > INT32_MAX ||
        bytes[0] != VERSION || !unseal(seal, purpose, bytes, n))
        return err_set(err, ERR_INTERNAL, "sealed",
                       "A stored secret cannot be opened: it was sealed with another key file or "
                       "for another purpose, or it is damaged.");
    *secret = text_n(bytes + HEAD_BYTES, n - HEAD_BYTES - TAG_BYTES);
    return 0;
}

/* HKDF (RFC 5869) without salt; one block is all we ask for. */
void seal_key(struct seal *seal, struct text purpose, unsigned char out[32])
{
    static const char no_salt[SHA256_BYTES] = {0};
    auto_free char *info = xmalloc(purpose.len + 1);
    unsigned char extracted[SHA256_BYTES];

    if (purpose.len > 0)
        memcpy(info, purpose.base, purpose.len);
    info[purpose.len] = 1;
    hmac_sha256(text_n(no_salt, sizeof(no_salt)), text_n(seal->master, KEY_BYTES), extracted);
    hmac_sha256(text_n(extracted, sizeof(extracted)), text_n(info, purpose.len + 1), out);
    OPENSSL_cleanse(extracted, sizeof(extracted));
}
