/*
 * Secrets at rest: AES-256-GCM under the platform's master key (data/secret.key, 32 bytes as hex,
 * mode 0600). A sealed value is bound to its purpose ("source.token:ID"): moved elsewhere, it does
 * not open.
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;
struct seal;

/* Reads the key file; ERR_INTERNAL with the path and what to do when it is missing or malformed. */
struct seal *seal_open(const char *path, struct err *err);
/* Creates the key file if it is missing (O_EXCL, fsync). */
int seal_create(const char *path, struct err *err);
void seal_close(struct seal *seal);
/* base64 text of version, nonce, ciphertext and tag. */
struct text seal_put(struct seal *seal, struct pool *pool, struct text purpose, struct text secret);
int seal_get(struct seal *seal, struct pool *pool, struct text purpose, struct text sealed,
             struct text *secret, struct err *err);
/* A 32-byte key derived (HKDF-SHA256) from the master key for one purpose. */
void seal_key(struct seal *seal, struct text purpose, unsigned char out[32]);
