/*
 * One-time codes of a second factor: RFC 6238 as authenticator apps speak it (SHA-1, 30 s, six
 * digits), over liboath. Pure and thread-safe; that a code counts only once is the caller's affair.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct pool;

#define TOTP_SECRET_BYTES 20
#define TOTP_DIGITS 6
#define TOTP_STEP_S 30

/* The time step that code belongs to: the one of now_s (wall), the one before it or the one after,
 * and later than `after`. False: none of these. */
bool totp_find(struct text secret, int64_t now_s, int64_t after, struct text code, int64_t *step);
/* The secret as people type it into an app. */
struct text totp_base32(struct pool *pool, struct text secret);
