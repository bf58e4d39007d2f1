#include "registry/move/legacy.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "core/seal.h"
#include "core/snapshot.h"
#include "http/account.h"
#include "http/factor.h"
#include "http/limits.h"
#include "registry/area.h"
#include "registry/login.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define SECRET_BYTES 32
#define IV_BYTES 16
#define SECRETS_MAX 8
#define TOKENS_MAX 100000
#define TOKEN_MAX 2048 /* base64 of a name, a password and a key, twice in hex */
#define PURPOSE TEXT("legacy token secret")

struct secrets {
    struct snapshot base;
    size_t n;
    unsigned char all[SECRETS_MAX][SECRET_BYTES];
};

struct legacy {
    struct registry *registry;
    struct snapshot_slot secrets;
};

/* What a token says. */
struct said {
    struct text user, password, key; /* key absent: made by a login */
    unsigned char iv[IV_BYTES];
    struct text cipher;
};

static void secrets_free(struct snapshot *s)
{
    struct secrets *secrets = (struct secrets *)s;
    explicit_bzero(secrets->all, sizeof secrets->all);
    free(secrets);
}

static int reload(struct legacy *legacy, struct err *err)
{
    static const char sql[] = "SELECT secret FROM legacy_secret ORDER BY id DESC LIMIT 8";
    struct secrets *secrets = xcalloc(1, sizeof *secrets);
    auto_pool struct pool *pool = pool_new();
    struct text sealed, secret;
    snapshot_init(&secrets->base, secrets_free);
    auto_read struct db_read r = db_read(legacy->registry->config.control, err);
    auto_rows struct db_rows q = {0};
    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "") != 0) {
        snapshot_drop(&secrets->base);
        return -1;
    }
    while (db_next(&q, pool, "s", &sealed)) {
        if (seal_get(legacy->registry->config.seal, pool, PURPOSE, sealed, &secret, err) != 0) {
            snapshot_drop(&secrets->base);
            return -1;
        }
        if (secret.len == SECRET_BYTES && secrets->n < SECRETS_MAX)
            memcpy(secrets->all[secrets->n++], secret.base, SECRET_BYTES);
    }
    if (q.failed) {
        snapshot_drop(&secrets->base);
        return -1;
    }
    snapshot_put(&legacy->secrets, &secrets->base);
    return 0;
}

struct legacy *legacy_open(struct registry *registry, struct err *err)
{
    struct legacy *legacy = xcalloc(1, sizeof *legacy);
    legacy->registry = registry;
    snapshot_slot_init(&legacy->secrets);
    if (reload(legacy, err) == 0)
        return legacy;
    legacy_close(legacy);
    return NULL;
}

void legacy_close(struct legacy *legacy)
{
    if (legacy == NULL)
        return;
    snapshot_put(&legacy->secrets, NULL);
    free(legacy);
}

/* base64("HEX OF THE IV:HEX OF THE REST") */
static bool take_apart(struct pool *pool, struct text token, unsigned char iv[IV_BYTES],
                       struct text *cipher)
{
    struct text plain, hex;
    size_t n;
    if (token.len < 64 || token.len > TOKEN_MAX)
        return false;
    char *bytes = pool_alloc(pool, b64_decoded_max(token.len) + 1);
    if (!b64_decode(token, bytes, &n))
        return false;
    plain = text_n(bytes, n);
    if (!text_cut(&plain, ':', &hex) || !hex_decode(hex, iv, IV_BYTES) || plain.len < 2 ||
        plain.len % 2 != 0)
        return false;
    unsigned char *out = pool_alloc(pool, plain.len / 2);
    if (!hex_decode(plain, out, plain.len / 2))
        return false;
    *cipher = text_n(out, plain.len / 2);
    return true;
}

static bool decrypt(struct pool *pool, const unsigned char *secret, const unsigned char *iv,
                    struct text cipher, struct text *plain)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *out = pool_alloc(pool, cipher.len + 1);
    int n = 0;
    bool ok =
        ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, secret, iv) == 1 &&
        EVP_DecryptUpdate(ctx, out, &n, (const unsigned char *)cipher.base, (int)cipher.len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    *plain = text_n(out, (size_t)n);
    return ok && text_is_utf8(*plain);
}

/* user:password, or an object with the token's key as well: nothing but the key tells what the
 * token was limited to, and the cipher lets anybody change what they know of it. */
static bool read_plain(struct pool *pool, struct text plain, struct said *said)
{
    struct json *doc;
    struct err ignored;
    said->user = said->password = said->key = TEXT_NONE;
    if (text_starts(plain, "{") && json_read(pool, plain, 20, &doc, &ignored) == 0)
        return json_need_text(doc, "user", &said->user, &ignored) == 0 &&
               json_need_text(doc, "password", &said->password, &ignored) == 0 &&
               json_need_text(doc, "tokenKey", &said->key, &ignored) == 0 && said->key.len > 0;
    said->password = plain;
    return text_cut(&said->password, ':', &said->user) && said->password.len > 0;
}

/* By whichever secret makes it name somebody who is here. */
static bool read_token(struct legacy *legacy, struct pool *pool, struct text token,
                       struct said *said)
{
    struct text plain;
    struct secrets *secrets = (struct secrets *)snapshot_take(&legacy->secrets);
    struct snapshot *accounts = account_snapshot(legacy->registry->config.account);
    bool found = false;
    if (secrets->n > 0 && take_apart(pool, token, said->iv, &said->cipher))
        for (size_t i = 0; !found && i < secrets->n; i++)
            found = decrypt(pool, secrets->all[i], said->iv, said->cipher, &plain) &&
                    read_plain(pool, plain, said) &&
                    account_user_by_name(accounts, said->user) != NULL;
    snapshot_drop(accounts);
    snapshot_drop(&secrets->base);
    return found;
}

bool legacy_may_be(struct legacy *legacy, struct text token)
{
    struct said said;
    auto_pool struct pool *pool = pool_new();
    return read_token(legacy, pool, token, &said);
}

static int refuse(struct err *err, const char *why)
{
    return err_set(err, ERR_UNAUTHORIZED, "bad_token", "%s Log in again: npm login.", why);
}

/* Tokens that were made and listed there still are what they were limited to. */
static int judge(struct legacy *legacy, struct pool *pool, struct text hash,
                 const struct said *said, bool *read_only, struct limits_list *addresses,
                 struct err *err)
{
    static const char used_sql[] = "SELECT count(*) FROM legacy_used WHERE hash = ?";
    static const char sql[] =
        "SELECT user, read_only, cidr, addresses FROM legacy_token WHERE key = ?";
    int64_t used, only, limited;
    struct text user, limits;
    struct json *doc;
    struct err why;
    auto_read struct db_read r = db_read(legacy->registry->config.control, err);
    if (r.conn == NULL || db_get(r.conn, pool, err, used_sql, "b", "i", hash, &used) != 0)
        return -1;
    if (used > 0)
        return refuse(err, "This token was ended here.");
    *read_only = false;
    if (said->key.len == 0)
        return 0;
    if (db_get(r.conn, pool, &why, sql, "s", "siis", said->key, &user, &only, &limited, &limits) !=
        0)
        return why.kind == ERR_NOT_FOUND
                   ? refuse(err, "This token was revoked before it could move here.")
                   : err_set(err, why.kind, why.code, "%s", why.text);
    if (limited != 0 && limits.base == NULL)
        return refuse(err, "This token was limited to what no address is.");
    if (limited != 0 && (json_read(pool, limits, 1000, &doc, err) != 0 ||
                         limits_list_read(pool, doc, "addresses", addresses, err) != 0))
        return -1;
    *read_only = only != 0;
    return text_eq(user, said->user) ? 0 : refuse(err, "This token is not valid here.");
}

/* The same token can be written in many ways, and one with a key can have another tail: that it was
 * used is remembered of what it is. */
static struct text mark_of(struct pool *pool, const struct said *said)
{
    unsigned char *sum = pool_alloc(pool, SHA256_BYTES);
    struct text what =
        said->key.len > 0
            ? text_printf(pool, "key %.*s", TEXT_ARG(said->key))
            : text_printf(pool, "login %.*s %.*s",
                          TEXT_ARG(hex_encode(pool, said->iv, sizeof said->iv)),
                          TEXT_ARG(hex_encode(pool, said->cipher.base, said->cipher.len)));
    sha256(what, sum);
    return text_n(sum, SHA256_BYTES);
}

static int remember(struct legacy *legacy, struct text hash, struct err *err)
{
    static const char sql[] =
        "INSERT INTO legacy_used (hash, used_at) VALUES (?, ?) ON CONFLICT DO NOTHING";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, legacy->registry->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "bi", hash, clock_wall_ms()) < 0)
        return -1;
    return db_commit(&tx, err);
}

int legacy_take(struct legacy *legacy, struct pool *pool, struct text token, struct text peer,
                struct err *err)
{
    struct account *account = legacy->registry->config.account;
    struct said said;
    struct text made;
    char id[ACCOUNT_ID];
    const char *user;
    bool read_only = false;
    struct limits_spec limits = {0};
    if (!read_token(legacy, pool, token, &said))
        return refuse(err, "This token is not valid here.");
    struct text hash = mark_of(pool, &said);
    if (judge(legacy, pool, hash, &said, &read_only, &limits.addresses, err) != 0 ||
        account_login(account, pool, said.user, said.password, peer, &user, err) != 0)
        return -1;
    struct factor_show show = {.user = user, .name = text_c(pool, said.user), .address = peer};
    if (factor_pass(account, pool, &show, err) != 0)
        return -1;
    struct account_token spec = {.user = user,
                                 .label = TEXT("from Verdaccio"),
                                 .scopes = read_only ? SCOPE_PACKAGE_READ : LOGIN_SCOPES,
                                 .value = token,
                                 .limits = limits.addresses.n > 0 ? &limits : NULL};
    if (account_token_create(account, pool, &spec, &made, id, err) != 0 &&
        strcmp(err->code, "exists") != 0) /* two first uses at once */
        return -1;
    return remember(legacy, hash, err);
}

/* As it is kept; absent when it holds something that is no address: then the token is for none. */
static struct text read_addresses(struct pool *pool, const struct json *token, bool *limited)
{
    const struct json *list = json_get(token, "addresses");
    struct limits_spec spec = {0};
    struct limits *limits = NULL;
    struct err ignored;
    *limited = list != NULL && list->count > 0;
    if (!*limited || limits_list_read(pool, token, "addresses", &spec.addresses, &ignored) != 0 ||
        limits_make(&spec, &limits, &ignored) != 0)
        return TEXT_NONE;
    limits_drop(limits);
    return text_printf(pool, "{\"addresses\":%.*s}", TEXT_ARG(list->raw));
}

static int learn_token(struct db_conn *conn, struct pool *pool, const struct json *token,
                       struct err *err)
{
    static const char sql[] = "INSERT OR REPLACE INTO legacy_token (key, user, read_only, cidr, "
                              "addresses) VALUES (?, ?, ?, ?, ?)";
    struct text key = TEXT_NONE, user = TEXT_NONE;
    bool read_only = false, limited = false;
    if (json_need_text(token, "key", &key, err) != 0 ||
        json_need_text(token, "user", &user, err) != 0 ||
        json_want_bool(token, "read_only", &read_only, err) != 0)
        return -1;
    if (key.len == 0 || key.len > 200)
        return err_set(err, ERR_UNPROCESSABLE, "bad_field", "A token's key has 1 to 200 bytes.");
    struct text addresses = read_addresses(pool, token, &limited);
    return db_do(conn, err, sql, "ssiis", key, user, (int64_t)read_only, (int64_t)limited,
                 addresses) < 0
               ? -1
               : 0;
}

static int learn_secret(struct legacy *legacy, struct pool *pool, struct db_conn *conn,
                        struct text secret, struct err *err)
{
    static const char sql[] = "INSERT INTO legacy_secret (id, secret, created_at) VALUES (?, ?, ?)";
    struct secrets *known = (struct secrets *)snapshot_take(&legacy->secrets);
    bool there = false, full = known->n == SECRETS_MAX;
    for (size_t i = 0; i < known->n; i++)
        there = there || text_eq(secret, text_n(known->all[i], SECRET_BYTES));
    snapshot_drop(&known->base);
    if (there)
        return 0;
    if (full)
        return err_set(err, ERR_TOO_MANY, "too_many_secrets",
                       "Tokens of %d Verdaccios count here already; end them first.", SECRETS_MAX);
    char id[27];
    random_id(id);
    struct text sealed = seal_put(legacy->registry->config.seal, pool, PURPOSE, secret);
    return db_do(conn, err, sql, "zsi", id, sealed, clock_wall_ms()) < 0 ? -1 : 0;
}

int legacy_learn(struct legacy *legacy, struct pool *pool, const struct json *doc, int64_t *n,
                 struct err *err)
{
    static const char count_sql[] = "SELECT count(*) FROM legacy_token";
    const struct json *tokens = json_get(doc, "tokens");
    struct text secret = TEXT_NONE;
    if (json_need_text(doc, "secret", &secret, err) != 0)
        return -1;
    if (secret.len != SECRET_BYTES)
        return err_set(err, ERR_UNPROCESSABLE, "bad_secret",
                       "The secret of legacy tokens has %d characters; tokens made by another can "
                       "not be read.",
                       SECRET_BYTES);
    if (tokens != NULL && (tokens->type != JSON_ARRAY || tokens->count > TOKENS_MAX))
        return err_set(err, ERR_UNPROCESSABLE, "bad_field", "\"tokens\" is a list of at most %d.",
                       TOKENS_MAX);
    {
        auto_tx struct db_tx tx = {0};
        if (db_begin(&tx, legacy->registry->config.control, err) != 0 ||
            learn_secret(legacy, pool, tx.conn, secret, err) != 0)
            return -1;
        json_each (token, tokens)
            if (learn_token(tx.conn, pool, token, err) != 0)
                return -1;
        if (db_get(tx.conn, pool, err, count_sql, "", "i", n) != 0 || db_commit(&tx, err) != 0)
            return -1;
    }
    return reload(legacy, err);
}

int legacy_forget(struct legacy *legacy, struct err *err)
{
    static const char secrets_sql[] = "DELETE FROM legacy_secret";
    static const char tokens_sql[] = "DELETE FROM legacy_token";
    {
        auto_tx struct db_tx tx = {0};
        if (db_begin(&tx, legacy->registry->config.control, err) != 0 ||
            db_do(tx.conn, err, secrets_sql, "") < 0 || db_do(tx.conn, err, tokens_sql, "") < 0 ||
            db_commit(&tx, err) != 0)
            return -1;
    }
    return reload(legacy, err);
}
