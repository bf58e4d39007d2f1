#include "http/owncert.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define VALID_SECONDS (10L * 365 * 86400)
#define LEFT_SECONDS (30L * 86400)
#define FILE_MAX 65536

static bool is_address(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Serves host now and for a while. */
static bool is_good(X509 *cert, const char *host)
{
    time_t soon = time(NULL) + LEFT_SECONDS;

    return X509_cmp_time(X509_get0_notAfter(cert), &soon) > 0 &&
           (is_address(host) ? X509_check_ip_asc(cert, host, 0) == 1
                             : X509_check_host(cert, host, 0, 0, NULL) == 1);
}

static int add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static int sign(X509 *cert, EVP_PKEY *key, const char *host)
{
    X509_NAME *name = X509_get_subject_name(cert);
    auto_free char *alternative = xprintf("%s:%s", is_address(host) ? "IP" : "DNS", host);
    uint64_t serial = 0;

    RAND_bytes((unsigned char *)&serial, sizeof(serial));
    return X509_set_version(cert, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -86400) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(cert), VALID_SECONDS) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)"Redhouse, inside", -1, -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
           add_extension(cert, NID_subject_alt_name, alternative) &&
           add_extension(cert, NID_ext_key_usage, "serverAuth") &&
           X509_sign(cert, key, EVP_sha256()) > 0;
}

static struct text bio_text(BIO *bio, struct pool *pool)
{
    char *bytes;
    long n = BIO_get_mem_data(bio, &bytes);

    return text_dup(pool, text_n(bytes, (size_t)n));
}

static int make(const char *path, const char *host, struct pool *pool, struct text *pem,
                struct err *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = key != NULL && cert != NULL && bio != NULL && sign(cert, key, host) &&
              PEM_write_bio_X509(bio, cert) == 1;

    if (ok) {
        *pem = bio_text(bio, pool);
        ok = PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    }
    int rc = ok ? file_replace(path, bio_text(bio, pool), 0600, err)
                : err_set(err, ERR_INTERNAL, "bad_tls",
                          "The carriers' certificate for %s could not be made.", host);
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

/* The certificate that is there, when it serves. */
static bool keep(const char *path, const char *host, struct pool *pool, struct text *pem)
{
    auto_buf struct buf content = {0};
    struct err none;

    buf_init(&content, FILE_MAX);
    if (file_read(path, FILE_MAX, &content, &none) != 0)
        return false;
    BIO *in = BIO_new_mem_buf(content.base, (int)content.len), *out = BIO_new(BIO_s_mem());
    X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    bool ok = cert != NULL && key != NULL && X509_check_private_key(cert, key) == 1 &&
              is_good(cert, host) && PEM_write_bio_X509(out, cert) == 1;
    if (ok)
        *pem = bio_text(out, pool);
    EVP_PKEY_free(key);
    X509_free(cert);
    BIO_free(out);
    BIO_free(in);
    return ok;
}

int owncert_ensure(const char *dir, const char *host, struct pool *pool, struct text *pem,
                   struct err *err)
{
    const char *path = pool_printf(pool, "%s/default.pem", dir);

    if (keep(path, host, pool, pem))
        return 0;
    return file_mkdirs(dir, 0700, err) != 0 ? -1 : make(path, host, pool, pem, err);
}
