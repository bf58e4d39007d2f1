/*
 * Hashes, message authentication, random bytes. Thread-safe. Over OpenSSL.
 */
#pragma once

#include "core/text.h"

#define SHA1_BYTES 20
#define SHA256_BYTES 32
#define SHA512_BYTES 64

struct pool;

enum digest_kind { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };

void sha1(struct text t, unsigned char out[SHA1_BYTES]);
void sha256(struct text t, unsigned char out[SHA256_BYTES]);
void sha512(struct text t, unsigned char out[SHA512_BYTES]);
void hmac_sha256(struct text key, struct text t, unsigned char out[SHA256_BYTES]);
void hmac_sha1(struct text key, struct text t, unsigned char out[SHA1_BYTES]);

/* Incremental form. */
struct digest;
struct digest *digest_new(enum digest_kind kind);
void digest_add(struct digest *d, const void *p, size_t n);
/* Writes the result (size by kind) and frees d. */
void digest_end(struct digest *d, unsigned char *out);
void digest_free(struct digest *d); /* for the error path; NULL is fine */

/* Compares in constant time for equal lengths. */
bool digest_equal(struct text a, struct text b);

void random_bytes(void *out, size_t n); /* aborts if the kernel has none */
/* n random bytes as base64url text. */
struct text random_text(struct pool *pool, size_t n);
/* A 128-bit random id as 26 lower-case base32 characters, first part time-ordered (ULID shape), so
 * that ids made later sort later. out has room for 27. */
void random_id(char out[27]);
