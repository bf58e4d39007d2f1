#include "core/digest.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/pool.h"

#define KINDS 3
#define ID_CHARS 26

struct digest {
    EVP_MD_CTX *ctx;
};

/* Fetched once and kept for the life of the process: looking an algorithm up takes longer than
 * hashing a token. */
static const EVP_MD *algorithms[KINDS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A hash fails only if OpenSSL is broken or memory is out; either way nothing can go on. */
static void must(int done)
{
    if (done != 1)
        abort();
}

static void fetch_algorithms(void)
{
    static const char *const names[KINDS] = {"SHA1", "SHA256", "SHA512"};

    for (size_t i = 0; i < KINDS; i++) {
        algorithms[i] = EVP_MD_fetch(NULL, names[i], NULL);
        must(algorithms[i] != NULL);
    }
}

static const EVP_MD *algorithm(enum digest_kind kind)
{
    pthread_once(&once, fetch_algorithms);
    return algorithms[kind];
}

static pthread_key_t own_key;
static pthread_once_t own_once = PTHREAD_ONCE_INIT;

static void free_own(void *arg)
{
    EVP_MD_CTX **own = arg;

    for (size_t i = 0; i < KINDS; i++)
        EVP_MD_CTX_free(own[i]);
    free(own);
}

static void make_own_key(void)
{
    must(pthread_key_create(&own_key, free_own) == 0);
}

/* This thread's: making one takes as long as hashing a token, and each request that brings a token
 * needs one. */
static EVP_MD_CTX *own_context(enum digest_kind kind)
{
    pthread_once(&own_once, make_own_key);
    EVP_MD_CTX **own = pthread_getspecific(own_key);
    if (own == NULL) {
        own = xcalloc(KINDS, sizeof(*own));
        must(pthread_setspecific(own_key, own) == 0);
    }
    if (own[kind] == NULL)
        own[kind] = EVP_MD_CTX_new();
    must(own[kind] != NULL);
    return own[kind];
}

static void hash(enum digest_kind kind, struct text t, unsigned char *out)
{
    EVP_MD_CTX *ctx = own_context(kind);

    must(EVP_DigestInit_ex(ctx, algorithm(kind), NULL));
    must(EVP_DigestUpdate(ctx, t.base, t.len));
    must(EVP_DigestFinal_ex(ctx, out, NULL));
}

void sha1(struct text t, unsigned char out[SHA1_BYTES])
{
    hash(DIGEST_SHA1, t, out);
}

void sha256(struct text t, unsigned char out[SHA256_BYTES])
{
    hash(DIGEST_SHA256, t, out);
}

void sha512(struct text t, unsigned char out[SHA512_BYTES])
{
    hash(DIGEST_SHA512, t, out);
}

static void hmac(enum digest_kind kind, struct text key, struct text t, unsigned char *out)
{
    if (key.base == NULL)
        key = TEXT("");
    must(HMAC(algorithm(kind), key.base, (int)key.len, (const unsigned char *)t.base, t.len, out,
              NULL) != NULL);
}

void hmac_sha256(struct text key, struct text t, unsigned char out[SHA256_BYTES])
{
    hmac(DIGEST_SHA256, key, t, out);
}

void hmac_sha1(struct text key, struct text t, unsigned char out[SHA1_BYTES])
{
    hmac(DIGEST_SHA1, key, t, out);
}

struct digest *digest_new(enum digest_kind kind)
{
    struct digest *d = xmalloc(sizeof(*d));

    d->ctx = EVP_MD_CTX_new();
    must(d->ctx != NULL);
    must(EVP_DigestInit_ex(d->ctx, algorithm(kind), NULL));
    return d;
}

void digest_add(struct digest *d, const void *p, size_t n)
{
    must(EVP_DigestUpdate(d->ctx, p, n));
}

void digest_end(struct digest *d, unsigned char *out)
{
    must(EVP_DigestFinal_ex(d->ctx, out, NULL));
    digest_free(d);
}

void digest_free(struct digest *d)
{
    if (d == NULL)
        return;
    EVP_MD_CTX_free(d->ctx);
    free(d);
}

bool digest_equal(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.base, b.base, a.len) == 0);
}

void random_bytes(void *out, size_t n)
{
    unsigned char *to = out;

    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        to += got;
        n -= (size_t)got;
    }
}

struct text random_text(struct pool *pool, size_t n)
{
    unsigned char *bytes = xmalloc(n);

    random_bytes(bytes, n);
    struct text out = b64url_encode(pool, bytes, n);
    OPENSSL_cleanse(bytes, n);
    free(bytes);
    return out;
}

/* 48 bits of time above 80 random bits. Within a millisecond, or when the clock was set back, the
 * next id is the last one plus a random step: still later in order and still not to be guessed. */
static unsigned __int128 next_id(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static unsigned __int128 last;
    unsigned __int128 id = (unsigned __int128)(uint64_t)clock_wall_ms() << 80;
    unsigned char bytes[10];

    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        id |= (unsigned __int128)bytes[i] << (i * 8);
    pthread_mutex_lock(&lock);
    if (id >> 80 <= last >> 80) {
        uint64_t step = (uint64_t)(id >> 32 & 0xffffffffffu);
        id = last + step + 1;
    }
    last = id;
    pthread_mutex_unlock(&lock);
    return id;
}

void random_id(char out[27])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    unsigned __int128 id = next_id();

    for (int i = ID_CHARS - 1; i >= 0; i--, id >>= 5)
        out[i] = digits[(unsigned)(id & 31)];
    out[ID_CHARS] = '\0';
}
