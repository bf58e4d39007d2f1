/*
 * Signatures that others verify: ECDSA over P-256 with SHA-256. A key is kept as PKCS#8 and shown
 * as SubjectPublicKeyInfo, both DER. Thread-safe once made. Over OpenSSL.
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;
struct sign_key;

struct sign_key *sign_key_new(void);
/* ERR_INTERNAL "bad_key" unless der is a private key of this kind. */
struct sign_key *sign_key_read(struct text der, struct err *err);
void sign_key_free(struct sign_key *key);                                    /* NULL is fine */
struct text sign_key_private(struct pool *pool, const struct sign_key *key); /* to be sealed */
struct text sign_key_public(struct pool *pool, const struct sign_key *key);
/* The signature of t, DER. */
struct text sign_text(struct pool *pool, const struct sign_key *key, struct text t);
/* Is signature (DER) what the owner of the public key made of t? Takes anything. */
bool sign_holds(struct text public_key, struct text t, struct text signature);
