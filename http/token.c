/* Tokens: made, listed, removed. */
#include "core/clock.h"
#include "core/db.h"
#include "core/json.h"
#include "core/log.h"
#include "http/account_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_OF_USER 500

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#define BODY 30
#define CHECK 6

static void check_of(const char body[BODY], char check[CHECK])
{
    unsigned char hash[SHA256_BYTES];

    sha256(text_n(body, BODY), hash);
    for (size_t i = 0; i < CHECK; i++)
        check[i] = alphabet[hash[i] % 62];
}

/* PREFIX_, random characters, checksum (so that scanners recognise one without asking). */
static struct text make_value(struct account *account, struct pool *pool)
{
    unsigned char bytes[BODY];
    char body[BODY], check[CHECK];

    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < BODY; i++)
        body[i] = alphabet[bytes[i] % 62];
    check_of(body, check);
    return text_printf(pool, "%s_%.*s%.*s", account->prefix, BODY, body, CHECK, check);
}

bool account_token_is_whole(struct text token, struct text prefix)
{
    char check[CHECK];

    if (token.len != prefix.len + BODY + CHECK || !text_eq(text_sub(token, 0, prefix.len), prefix))
        return false;
    check_of(token.base + prefix.len, check);
    return memcmp(token.base + prefix.len + BODY, check, CHECK) == 0;
}

int account_load_tokens(struct account *account, struct account_snapshot *into, struct err *err)
{
    static const char sql[] =
        "SELECT id, hash, coalesce(user, ''), coalesce(instance, ''), coalesce(tenant, ''),"
        " scopes, expires_at, generation, limits FROM token";
    auto_pool struct pool *pool = pool_new();
    auto_read struct db_read r = db_read(account->db, err);
    auto_rows struct db_rows q = {0};
    struct text id, hash, user, instance, tenant, held;
    struct account_key *keys = NULL;
    struct limits *limits;
    size_t n = 0, room = 0;
    int64_t scopes, expires, generation;

    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "") != 0)
        return -1;
    while (db_next(&q, pool, "sbsssiiis", &id, &hash, &user, &instance, &tenant, &scopes, &expires,
                   &generation, &held)) {
        /* what cannot be understood must not be unlimited: such a token is not there */
        if (limits_read(pool, held, &limits, err) != 0) {
            log_warn("http", "a token is not valid", "id=%.*s text=%s", TEXT_ARG(id), err->text);
            continue;
        }
        if (n == room)
            keys = xrealloc(keys, (room = room * 2 + 64) * sizeof(*keys));
        struct account_key *key = &keys[n++];
        *key = (struct account_key){.expires_ms = expires,
                                    .scopes = (uint32_t)scopes,
                                    .generation = generation,
                                    .limits = limits};
        memcpy(key->hash, hash.base, hash.len < SHA256_BYTES ? hash.len : SHA256_BYTES);
        snprintf(key->id, sizeof(key->id), "%.*s", TEXT_ARG(id));
        snprintf(key->user, sizeof(key->user), "%.*s", TEXT_ARG(user));
        snprintf(key->instance, sizeof(key->instance), "%.*s", TEXT_ARG(instance));
        snprintf(key->tenant, sizeof(key->tenant), "%.*s", TEXT_ARG(tenant));
    }
    for (int i = 0; i < ACCOUNT_SHARDS; i++)
        snapshot_drop(&into->tokens[i]->base);
    account_fill(into->tokens, keys, n);
    free(keys);
    return q.failed ? -1 : 0;
}

static int check_words(const struct account_token *spec, struct err *err)
{
    if (spec->label.len == 0 || spec->label.len > 100 || !text_is_printable(spec->label) ||
        !text_is_utf8(spec->label))
        return err_set(err, ERR_UNPROCESSABLE, "bad_name",
                       "A token needs a name of at most 100 printable bytes.");
    if (spec->description.len > 500 || !text_is_printable(spec->description) ||
        !text_is_utf8(spec->description))
        return err_set(err, ERR_UNPROCESSABLE, "bad_description",
                       "A token's description has at most 500 printable bytes.");
    return 0;
}

/* Who is held to tenants or packages does nothing outside of them. */
uint32_t account_token_scopes(const struct account_token *spec)
{
    uint32_t scopes = spec->scopes;

    if (spec->limits != NULL && (spec->limits->names.n > 0 || spec->limits->tenants.n > 0))
        scopes &= ~(uint32_t)SCOPE_PLATFORM;
    if (spec->limits != NULL && spec->limits->names.n > 0)
        scopes &= ~(uint32_t)SCOPE_SOURCE_WRITE;
    return scopes;
}

static int insert(struct account *account, struct pool *pool, const struct account_token *spec,
                  const struct account_key *key, struct text hint, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM token WHERE user = ?";
    static const char sql[] = "INSERT INTO token (id, hash, hint, user, label, scopes, created_at, "
                              "expires_at, instance, tenant, generation, limits, description)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    auto_tx struct db_tx tx = {0};
    int64_t n = 0;

    if (db_begin(&tx, account->db, err) != 0 ||
        (spec->user != NULL && db_get(tx.conn, pool, err, count, "z", "i", spec->user, &n) != 0))
        return -1;
    if (n >= TOKENS_OF_USER)
        return err_set(err, ERR_TOO_MANY, "too_many_tokens",
                       "You have %d tokens; remove some first.", TOKENS_OF_USER);
    if (db_do(tx.conn, err, sql, "zbszsiiizziss", key->id, text_n(key->hash, sizeof(key->hash)),
              hint, spec->user, spec->label, (int64_t)key->scopes, clock_wall_ms(),
              spec->expires_ms, spec->instance, spec->tenant, spec->generation,
              limits_write(key->limits, pool),
              spec->description.base != NULL ? spec->description : TEXT("")) < 0)
        return -1;
    return db_commit(&tx, err);
}

int account_token_create(struct account *account, struct pool *pool,
                         const struct account_token *spec, struct text *token, char id[ACCOUNT_ID],
                         struct err *err)
{
    struct text value = spec->value.base != NULL ? spec->value : make_value(account, pool);
    struct account_key key = {.expires_ms = spec->expires_ms,
                              .scopes = account_token_scopes(spec),
                              .generation = spec->generation};

    if (check_words(spec, err) != 0 ||
        (spec->limits != NULL && limits_make(spec->limits, &key.limits, err) != 0))
        return -1;
    sha256(value, key.hash);
    random_id(key.id);
    snprintf(key.user, sizeof(key.user), "%s", spec->user != NULL ? spec->user : "");
    snprintf(key.instance, sizeof(key.instance), "%s",
             spec->instance != NULL ? spec->instance : "");
    snprintf(key.tenant, sizeof(key.tenant), "%s", spec->tenant != NULL ? spec->tenant : "");
    int failed = insert(account, pool, spec, &key, text_sub(value, 0, 8), err);
    if (failed == 0)
        failed = account_add_key(account, ACCOUNT_TOKENS, &key, err);
    limits_drop(key.limits);
    if (failed != 0)
        return -1;
    memcpy(id, key.id, ACCOUNT_ID);
    *token = value;
    return 0;
}

static int remove_by(struct account *account, const char *sql, struct text key, const char *user,
                     struct err *err)
{
    static const char drop[] = "DELETE FROM token WHERE id = ?";
    auto_pool struct pool *pool = pool_new();
    auto_tx struct db_tx tx = {0};
    struct text id, hash, owner;

    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    if (db_get(tx.conn, pool, err, sql, "b", "sbs", key, &id, &hash, &owner) != 0 ||
        hash.len != SHA256_BYTES || (user != NULL && !text_is(owner, user)))
        return err_set(err, ERR_NOT_FOUND, "token_not_found", "There is no such token.");
    if (db_do(tx.conn, err, drop, "s", id) < 0 || db_commit(&tx, err) != 0)
        return -1;
    account_drop_key(account, ACCOUNT_TOKENS, (const unsigned char *)hash.base);
    account_tell_ended(account, text_c(pool, owner));
    return 0;
}

int account_token_remove(struct account *account, const char *user, struct text id, struct err *err)
{
    static const char sql[] =
        "SELECT id, hash, coalesce(user, '') FROM token WHERE id = CAST(? AS TEXT)";

    return remove_by(account, sql, id, user, err);
}

int account_token_remove_value(struct account *account, struct text token, struct err *err)
{
    static const char sql[] = "SELECT id, hash, coalesce(user, '') FROM token WHERE hash = ?";
    unsigned char hash[SHA256_BYTES];

    sha256(token, hash);
    return remove_by(account, sql, text_n(hash, sizeof(hash)), NULL, err);
}

struct retired {
    const char *instance;
    int64_t generation;
};

static enum account_verdict drop_retired(void *arg, struct account_key *key)
{
    const struct retired *retired = arg;

    return strcmp(key->instance, retired->instance) == 0 && key->generation < retired->generation
               ? ACCOUNT_DROP
               : ACCOUNT_KEEP;
}

int account_instance_tokens_retire(struct account *account, const char *instance,
                                   int64_t generation, struct err *err)
{
    static const char sql[] = "DELETE FROM token WHERE instance = ? AND generation < ?";
    struct retired retired = {instance, generation};
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0 ||
        db_do(tx.conn, err, sql, "zi", instance, generation) < 0 || db_commit(&tx, err) != 0)
        return -1;
    account_revise_keys(account, ACCOUNT_TOKENS, drop_retired, &retired);
    return 0;
}

int account_tokens_json(struct account *account, const char *user, struct json_writer *w,
                        struct err *err)
{
    static const char sql[] =
        "SELECT id, label AS name, description, hint, scopes, created_at AS \"created_at@\","
        " expires_at AS \"expires_at@\", used_at AS \"last_used_at@\","
        " used_from AS last_used_from, coalesce(limits, 'null') AS \"limits!\""
        " FROM token WHERE user = ? ORDER BY id";
    auto_read struct db_read r = db_read(account->db, err);

    return r.conn == NULL ? -1 : db_json(w, r.conn, err, sql, "z", user);
}
