#include "http/account.h"

#include "core/clock.h"
#include "core/db.h"
#include "http/account_part.h"

#include <stdlib.h>
#include <string.h>

/* Parts. */

static void shard_free(struct snapshot *s)
{
    struct account_shard *shard = (struct account_shard *)s;

    for (size_t i = 0; i < shard->n; i++)
        limits_drop(shard->keys[i].limits);
    free(shard);
}

static void whole_free(struct snapshot *s)
{
    struct account_snapshot *whole = (struct account_snapshot *)s;

    for (int i = 0; i < ACCOUNT_SHARDS; i++) {
        snapshot_drop(&whole->tokens[i]->base);
        snapshot_drop(&whole->sessions[i]->base);
    }
    if (whole->people != NULL)
        snapshot_drop(&whole->people->base);
    free(whole);
}

static struct account_shard *shard_new(size_t n)
{
    struct account_shard *shard = xcalloc(1, sizeof(*shard) + n * sizeof(shard->keys[0]));

    snapshot_init(&shard->base, shard_free);
    shard->n = n;
    return shard;
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(((const struct account_key *)a)->hash, ((const struct account_key *)b)->hash,
                  SHA256_BYTES);
}

void account_fill(struct account_shard **shards, const struct account_key *keys, size_t n)
{
    size_t counts[ACCOUNT_SHARDS] = {0};

    for (size_t i = 0; i < n; i++)
        counts[keys[i].hash[0]]++;
    for (int s = 0; s < ACCOUNT_SHARDS; s++) {
        shards[s] = shard_new(counts[s]);
        counts[s] = 0;
    }
    for (size_t i = 0; i < n; i++)
        shards[keys[i].hash[0]]->keys[counts[keys[i].hash[0]]++] = keys[i];
    for (int s = 0; s < ACCOUNT_SHARDS; s++)
        qsort(shards[s]->keys, shards[s]->n, sizeof(struct account_key), by_hash);
}

/* A new whole that shares all parts with the current one; the caller replaces what changed. */
static struct account_snapshot *whole_copy(struct account_snapshot *from)
{
    struct account_snapshot *whole = xcalloc(1, sizeof(*whole));

    snapshot_init(&whole->base, whole_free);
    whole->people = from->people;
    snapshot_hold(&whole->people->base);
    for (int i = 0; i < ACCOUNT_SHARDS; i++) {
        whole->tokens[i] = from->tokens[i];
        whole->sessions[i] = from->sessions[i];
        snapshot_hold(&whole->tokens[i]->base);
        snapshot_hold(&whole->sessions[i]->base);
    }
    return whole;
}

static struct account_shard **shards_of(struct account_snapshot *s, enum account_keys kind)
{
    return kind == ACCOUNT_TOKENS ? s->tokens : s->sessions;
}

static void shard_add(struct account_shard *shard, const struct account_key *key)
{
    limits_hold(key->limits);
    shard->keys[shard->n++] = *key;
}

/* Puts key, or takes the one with this hash away when add is NULL. */
static void replace_key(struct account *account, enum account_keys kind,
                        const unsigned char hash[SHA256_BYTES], const struct account_key *add)
{
    pthread_mutex_lock(&account->changing);
    struct account_snapshot *now = (struct account_snapshot *)snapshot_take(&account->slot);
    struct account_snapshot *whole = whole_copy(now);
    struct account_shard **at = &shards_of(whole, kind)[hash[0]], *old = *at;
    struct account_shard *shard = shard_new(old->n + 1);

    shard->n = 0;
    for (size_t i = 0; i < old->n; i++)
        if (memcmp(old->keys[i].hash, hash, SHA256_BYTES) != 0)
            shard_add(shard, &old->keys[i]);
    if (add != NULL)
        shard_add(shard, add);
    qsort(shard->keys, shard->n, sizeof(shard->keys[0]), by_hash);
    *at = shard;
    snapshot_drop(&old->base);
    snapshot_put(&account->slot, &whole->base);
    snapshot_drop(&now->base);
    pthread_mutex_unlock(&account->changing);
}

void account_drop_key(struct account *account, enum account_keys kind,
                      const unsigned char hash[SHA256_BYTES])
{
    replace_key(account, kind, hash, NULL);
}

/* Whoever removes a row sweeps the keys after its commit. A removal between our commit and our put
 * has swept too early, but then the row is gone already when it is read here. */
int account_add_key(struct account *account, enum account_keys kind, const struct account_key *key,
                    struct err *err)
{
    static const char token[] = "SELECT 1 FROM token WHERE id = ?";
    static const char session[] = "SELECT 1 FROM session WHERE id = ?";
    auto_pool struct pool *pool = pool_new();
    int64_t one;

    replace_key(account, kind, key->hash, key);
    auto_read struct db_read r = db_read(account->db, err);
    if (r.conn != NULL && db_get(r.conn, pool, err, kind == ACCOUNT_TOKENS ? token : session, "z",
                                 "i", key->id, &one) == 0)
        return 0;
    account_drop_key(account, kind, key->hash);
    if (err->kind == ERR_NOT_FOUND)
        err_set(err, ERR_CONFLICT, "ended", "It was ended at the same moment.");
    return -1;
}

/* NULL: fn changed nothing. */
static struct account_shard *revise_shard(const struct account_shard *old, account_revise_fn *fn,
                                          void *arg)
{
    struct account_shard *shard = shard_new(old->n);
    bool changed = false;

    shard->n = 0;
    for (size_t i = 0; i < old->n; i++) {
        struct account_key key = old->keys[i];
        enum account_verdict verdict = fn(arg, &key);
        changed = changed || verdict != ACCOUNT_KEEP;
        if (verdict != ACCOUNT_DROP)
            shard_add(shard, &key);
    }
    if (changed)
        return shard;
    snapshot_drop(&shard->base);
    return NULL;
}

void account_revise_keys(struct account *account, enum account_keys kind, account_revise_fn *fn,
                         void *arg)
{
    bool changed = false;

    pthread_mutex_lock(&account->changing);
    struct account_snapshot *now = (struct account_snapshot *)snapshot_take(&account->slot);
    struct account_snapshot *whole = whole_copy(now);
    for (int s = 0; s < ACCOUNT_SHARDS; s++) {
        struct account_shard **at = &shards_of(whole, kind)[s];
        struct account_shard *shard = revise_shard(*at, fn, arg);
        if (shard == NULL)
            continue;
        snapshot_drop(&(*at)->base);
        *at = shard;
        changed = true;
    }
    if (changed)
        snapshot_put(&account->slot, &whole->base);
    else
        snapshot_drop(&whole->base);
    snapshot_drop(&now->base);
    pthread_mutex_unlock(&account->changing);
}

int account_reload_people(struct account *account, struct err *err)
{
    pthread_mutex_lock(&account->changing);
    struct account_people *people = account_load_people(account, err);
    if (people != NULL) {
        struct account_snapshot *now = (struct account_snapshot *)snapshot_take(&account->slot);
        struct account_snapshot *whole = whole_copy(now);
        snapshot_drop(&whole->people->base);
        whole->people = people;
        snapshot_put(&account->slot, &whole->base);
        snapshot_drop(&now->base);
    }
    pthread_mutex_unlock(&account->changing);
    return people != NULL ? 0 : -1;
}

const struct account_key *account_find_key(const struct account_snapshot *s, enum account_keys kind,
                                           const unsigned char hash[SHA256_BYTES])
{
    const struct account_shard *shard = (kind == ACCOUNT_TOKENS ? s->tokens : s->sessions)[hash[0]];
    struct account_key key;

    memcpy(key.hash, hash, SHA256_BYTES);
    return bsearch(&key, shard->keys, shard->n, sizeof(key), by_hash);
}

/* Open and close. */

struct account *account_open(struct db *control, const char *token_prefix, struct err *err)
{
    struct account *account = xcalloc(1, sizeof(*account));
    struct account_snapshot *whole = xcalloc(1, sizeof(*whole));

    account->db = control;
    account->prefix = xstrdup(token_prefix);
    pthread_mutex_init(&account->changing, NULL);
    pthread_mutex_init(&account->touching, NULL);
    snapshot_slot_init(&account->slot);
    account->limits = account_limits_new();
    account->codes = account_limits_new();
    account->tickets = account_tickets_new();
    account->touched = xcalloc(ACCOUNT_TOUCHED_SLOTS, sizeof(*account->touched));
    snapshot_init(&whole->base, whole_free);
    account_fill(whole->tokens, NULL, 0);
    account_fill(whole->sessions, NULL, 0);
    whole->people = account_load_people(account, err);
    snapshot_put(&account->slot, &whole->base);
    if (whole->people == NULL || account_load_tokens(account, whole, err) != 0 ||
        account_load_sessions(account, whole, err) != 0) {
        account_close(account);
        return NULL;
    }
    return account;
}

void account_close(struct account *account)
{
    if (account == NULL)
        return;
    snapshot_put(&account->slot, NULL);
    account_limits_free(account->limits);
    account_limits_free(account->codes);
    account_tickets_free(account->tickets);
    pthread_mutex_destroy(&account->changing);
    pthread_mutex_destroy(&account->touching);
    free(account->touched);
    free(account->prefix);
    free(account);
}

void account_use_seal(struct account *account, struct seal *seal)
{
    account->seal = seal;
}

void account_on_ended(struct account *account, void (*fn)(void *arg, const char *user), void *arg)
{
    account->ended = fn;
    account->ended_arg = arg;
}

void account_tell_ended(struct account *account, const char *user)
{
    if (account->ended != NULL)
        account->ended(account->ended_arg, user);
}
