#include "core/password.h"

#include <argon2.h>

#include "core/digest.h"
#include "core/err.h"
#include "core/htpasswd.h"
#include "core/pool.h"

/* Memory (KiB), passes and lanes as OWASP asks for argon2id. */
#define MEMORY_KIB 19456
#define PASSES 2
#define LANES 1
#define SALT_BYTES 16
#define HASH_BYTES 32
#define ENCODED_MAX 160

/* What a stored hash may ask for, so that a damaged or foreign one cannot take the machine. */
#define MEMORY_KIB_MAX (256 * 1024)
#define PASSES_MAX 16
#define LANES_MAX 16

static size_t characters(struct text t)
{
    size_t n = 0;

    for (size_t i = 0; i < t.len; i++)
        n += ((unsigned char)t.base[i] & 0xc0) != 0x80;
    return n;
}

int password_hash(struct pool *pool, struct text password, struct text *out, struct err *err)
{
    if (characters(password) < PASSWORD_MIN)
        return err_set(err, ERR_UNPROCESSABLE, "password_too_short",
                       "The password must have at least %d characters.", PASSWORD_MIN);
    return password_rehash(pool, password, out, err);
}

int password_rehash(struct pool *pool, struct text password, struct text *out, struct err *err)
{
    unsigned char salt[SALT_BYTES];
    char encoded[ENCODED_MAX];

    if (password.len > PASSWORD_MAX)
        return err_set(err, ERR_UNPROCESSABLE, "password_too_long",
                       "The password must have at most %d bytes.", PASSWORD_MAX);
    random_bytes(salt, sizeof(salt));
    int rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password.base, password.len, salt,
                                   sizeof(salt), HASH_BYTES, encoded, sizeof(encoded));
    if (rc != ARGON2_OK)
        return err_set(err, ERR_INTERNAL, "internal", "A password cannot be hashed: %s.",
                       argon2_error_message(rc));
    *out = text_dup(pool, text_of(encoded));
    return 0;
}

/* As long as a check takes, for nothing. */
static void spend_time(struct text password)
{
    static const char salt[SALT_BYTES] = {0};
    unsigned char hash[HASH_BYTES];

    argon2id_hash_raw(PASSES, MEMORY_KIB, LANES, password.base, password.len, salt, sizeof(salt),
                      hash, sizeof(hash));
}

static bool take_cost(struct text *costs, const char *name, int64_t max)
{
    struct text cost;
    int64_t n;

    return text_cut(costs, ',', &cost) && text_starts(cost, name) &&
           text_number(text_sub(cost, strlen(name), cost.len), 1, max, &n);
}

/* "$argon2id$v=19$m=…,t=…,p=…$SALT$HASH" with affordable costs; the rest is libargon2's to judge.
 */
static bool is_affordable(struct text hash)
{
    static const char prefix[] = "$argon2id$v=19$";
    struct text rest = text_sub(hash, sizeof(prefix) - 1, hash.len), costs;

    if (hash.len >= ENCODED_MAX || text_has(hash, '\0') || !text_starts(hash, prefix))
        return false;
    return text_cut(&rest, '$', &costs) && take_cost(&costs, "m=", MEMORY_KIB_MAX) &&
           take_cost(&costs, "t=", PASSES_MAX) && take_cost(&costs, "p=", LANES_MAX) &&
           costs.base == NULL;
}

bool password_check(struct text hash, struct text password)
{
    char encoded[ENCODED_MAX];

    if (password.len > PASSWORD_MAX)
        password.len = 0;
    if (htpasswd_known(hash))
        return htpasswd_check(hash, password);
    if (!is_affordable(hash)) {
        spend_time(password);
        return false;
    }
    memcpy(encoded, hash.base, hash.len);
    encoded[hash.len] = '\0';
    return argon2id_verify(encoded, password.base, password.len) == ARGON2_OK;
}
