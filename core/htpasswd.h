/*
 * Password hashes as the htpasswd files of other programs hold them: bcrypt, DES and {SHA} as
 * libcrypt and OpenSSL know them, and Apache's MD5. Weaker than ours: who takes one over hashes the
 * password anew as soon as somebody shows it (password.h). Slow: password lane only.
 */
#pragma once

#include "core/text.h"

#define HTPASSWD_MAX 127

/* Is it of a kind that can be checked here, at a cost that can be borne? */
bool htpasswd_known(struct text hash);
/* False for any mismatch, and for a hash that is not known. */
bool htpasswd_check(struct text hash, struct text password);
