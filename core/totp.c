#include "core/totp.h"

#include "core/digest.h"
#include "core/pool.h"

#include <liboath/oath.h>
#include <pthread.h>
#include <stdlib.h>

/* A phone's clock may be off, and who types takes time. */
#define WINDOW 1

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init(void)
{
    if (oath_init() != OATH_OK)
        abort();
}

static bool is_of(struct text secret, int64_t step, struct text code)
{
    char right[TOTP_DIGITS + 1];

    return step >= 0 &&
           oath_hotp_generate((char *)(uintptr_t)secret.base, secret.len, (uint64_t)step,
                              TOTP_DIGITS, false, OATH_HOTP_DYNAMIC_TRUNCATION, right) == OATH_OK &&
           digest_equal(text_of(right), code);
}

bool totp_find(struct text secret, int64_t now_s, int64_t after, struct text code, int64_t *step)
{
    int64_t now = now_s / TOTP_STEP_S;

    if (code.len != TOTP_DIGITS)
        return false;
    pthread_once(&once, init);
    for (int64_t s = now - WINDOW; s <= now + WINDOW; s++) {
        if (s <= after || !is_of(secret, s, code))
            continue;
        *step = s;
        return true;
    }
    return false;
}

struct text totp_base32(struct pool *pool, struct text secret)
{
    char *out = NULL;
    size_t n = 0;

    pthread_once(&once, init);
    if (oath_base32_encode(secret.base, secret.len, &out, &n) != OATH_OK)
        abort();
    struct text text = text_dup(pool, text_n(out, n));
    explicit_bzero(out, n);
    free(out);
    return text;
}
