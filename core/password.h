/*
 * Password hashes (argon2id, libargon2). Slow on purpose: call only on the password lane. Hashes
 * that users bring along from an htpasswd file are checked as well (htpasswd.h).
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;

#define PASSWORD_MIN 8
#define PASSWORD_MAX 256

/* The encoded hash ("$argon2id$…") in the pool; ERR_UNPROCESSABLE "password_too_short"/"…_long". */
int password_hash(struct pool *pool, struct text password, struct text *out, struct err *err);
/* As above for a password that was right so far, however short. */
int password_rehash(struct pool *pool, struct text password, struct text *out, struct err *err);
/* False for any mismatch or malformed hash. An absent hash takes as long as a real one, so that an
 * unknown user costs the asker the same time. */
bool password_check(struct text hash, struct text password);
