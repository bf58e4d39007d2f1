#include "http/account.h"

#include "core/clock.h"
#include "core/db.h"
#include "http/account_part.h"

#include <stdlib.h>
#include <string.h>

/* Parts. */

static void people_free(struct snapshot *s)
{
    struct account_people *people = (struct account_people *)s;

    pool_free(people->pool);
    free(people);
}

static void shard_free(struct snapshot *s)
{
    free(s);
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

void account_put_key(struct account *account, enum account_keys kind, const struct account_key *key,
                     bool remove)
{
    pthread_mutex_lock(&account->changing);
    struct account_snapshot *now = (struct account_snapshot *)snapshot_take(&account->slot);
    struct account_snapshot *whole = whole_copy(now);
    struct account_shard **at = &shards_of(whole, kind)[key->hash[0]], *old = *at;
    struct account_shard *shard = shard_new(old->n + 1);
    size_t n = 0;

    for (size_t i = 0; i < old->n; i++)
        if (memcmp(old->keys[i].hash, key->hash, SHA256_BYTES) != 0)
            shard->keys[n++] = old->keys[i];
    if (!remove)
        shard->keys[n++] = *key;
    shard->n = n;
    qsort(shard->keys, n, sizeof(shard->keys[0]), by_hash);
    *at = shard;
    snapshot_drop(&old->base);
    snapshot_put(&account->slot, &whole->base);
    snapshot_drop(&now->base);
    pthread_mutex_unlock(&account->changing);
}

void account_sweep_keys(struct account *account, enum account_keys kind,
                        bool (*fn)(void *arg, const struct account_key *key), void *arg)
{
    pthread_mutex_lock(&account->changing);
    struct account_snapshot *now = (struct account_snapshot *)snapshot_take(&account->slot);
    struct account_snapshot *whole = whole_copy(now);

    for (int s = 0; s < ACCOUNT_SHARDS; s++) {
        struct account_shard **at = &shards_of(whole, kind)[s], *old = *at;
        struct account_shard *shard = shard_new(old->n);
        size_t n = 0;
        for (size_t i = 0; i < old->n; i++)
            if (!fn(arg, &old->keys[i]))
                shard->keys[n++] = old->keys[i];
        shard->n = n;
        *at = shard;
        snapshot_drop(&old->base);
    }
    snapshot_put(&account->slot, &whole->base);
    snapshot_drop(&now->base);
    pthread_mutex_unlock(&account->changing);
}

const struct account_key *account_find_key(const struct account_snapshot *s, enum account_keys kind,
                                           const unsigned char hash[SHA256_BYTES])
{
    const struct account_shard *shard = (kind == ACCOUNT_TOKENS ? s->tokens : s->sessions)[hash[0]];
    struct account_key key;

    memcpy(key.hash, hash, SHA256_BYTES);
    return bsearch(&key, shard->keys, shard->n, sizeof(key), by_hash);
}

/* People. */

static int load_persons(struct account_people *people, struct db_conn *conn, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM user";
    static const char sql[] =
        "SELECT id, name, coalesce(email, ''), admin, must_change FROM user ORDER BY id";
    auto_rows struct db_rows q = {0};
    struct text id, name, email;
    int64_t n = 0, admin, must_change;

    if (db_get(conn, people->pool, err, count, "", "i", &n) != 0 ||
        db_each (&q, conn, err, sql, "") != 0)
        return -1;
    people->persons = pool_zalloc(people->pool, ((size_t)n + 1) * sizeof(*people->persons));
    while (people->n_persons < (size_t)n &&
           db_next(&q, people->pool, "sssii", &id, &name, &email, &admin, &must_change))
        people->persons[people->n_persons++] = (struct account_person){
            .id = text_c(people->pool, id),
            .name = text_c(people->pool, name),
            .email = text_c(people->pool, email),
            .admin = admin != 0,
            .must_change = must_change != 0,
        };
    return q.failed ? -1 : 0;
}

static int load_tenants(struct account_people *people, struct db_conn *conn, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM tenant";
    static const char sql[] = "SELECT id, slug, name FROM tenant ORDER BY slug";
    auto_rows struct db_rows q = {0};
    struct text id, slug, name;
    int64_t n = 0;

    if (db_get(conn, people->pool, err, count, "", "i", &n) != 0 ||
        db_each (&q, conn, err, sql, "") != 0)
        return -1;
    people->tenants = pool_zalloc(people->pool, ((size_t)n + 1) * sizeof(*people->tenants));
    while (people->n_tenants < (size_t)n && db_next(&q, people->pool, "sss", &id, &slug, &name))
        people->tenants[people->n_tenants++] = (struct account_tenant){
            text_c(people->pool, id), text_c(people->pool, slug), text_c(people->pool, name)};
    return q.failed ? -1 : 0;
}

static int load_members(struct account_people *people, struct db_conn *conn, struct err *err)
{
    static const char count[] = "SELECT count(*) FROM member";
    static const char sql[] =
        "SELECT m.user, m.tenant, t.slug, m.role FROM member AS m JOIN tenant AS t"
        " ON t.id = m.tenant ORDER BY m.user, t.slug";
    auto_rows struct db_rows q = {0};
    struct text user, tenant, slug, role;
    struct account_person *person = people->persons;
    int64_t n = 0;
    size_t used = 0;

    if (db_get(conn, people->pool, err, count, "", "i", &n) != 0 ||
        db_each (&q, conn, err, sql, "") != 0)
        return -1;
    struct account_member *members = pool_zalloc(people->pool, ((size_t)n + 1) * sizeof(*members));
    while (used < (size_t)n && db_next(&q, people->pool, "ssss", &user, &tenant, &slug, &role)) {
        while (person < people->persons + people->n_persons &&
               text_cmp(text_of(person->id), user) < 0)
            person++;
        struct account_member *m = &members[used++];
        m->tenant = text_c(people->pool, tenant);
        m->slug = text_c(people->pool, slug);
        role_parse(role, &m->role);
        if (person->members == NULL)
            person->members = m;
        person->n_members++;
    }
    return q.failed ? -1 : 0;
}

static struct account_people *load_people(struct account *account, struct err *err)
{
    struct account_people *people = xcalloc(1, sizeof(*people));
    auto_read struct db_read r = db_read(account->db, err);

    people->pool = pool_new();
    snapshot_init(&people->base, people_free);
    if (r.conn != NULL && load_persons(people, r.conn, err) == 0 &&
        load_tenants(people, r.conn, err) == 0 && load_members(people, r.conn, err) == 0)
        return people;
    snapshot_drop(&people->base);
    return NULL;
}

int account_reload_people(struct account *account, struct err *err)
{
    pthread_mutex_lock(&account->changing);
    struct account_people *people = load_people(account, err);
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
    account->tickets = account_tickets_new();
    account->touched = xcalloc(ACCOUNT_TOUCHED_MOST, sizeof(*account->touched));
    snapshot_init(&whole->base, whole_free);
    account_fill(whole->tokens, NULL, 0);
    account_fill(whole->sessions, NULL, 0);
    whole->people = load_people(account, err);
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
    account_tickets_free(account->tickets);
    pthread_mutex_destroy(&account->changing);
    pthread_mutex_destroy(&account->touching);
    free(account->touched);
    free(account->prefix);
    free(account);
}

/* Look-ups. */

struct snapshot *account_snapshot(struct account *account)
{
    return snapshot_take(&account->slot);
}

const struct account_person *account_person(const struct account_snapshot *s, const char *id)
{
    size_t low = 0, high = s->people->n_persons;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(s->people->persons[middle].id, id);
        if (order == 0)
            return &s->people->persons[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void fill_person(struct identity *who, const struct account_person *person)
{
    who->user = person->id;
    who->name = person->name;
    who->admin = person->admin;
    who->must_change = person->must_change;
    who->members = person->members;
    who->n_members = person->n_members;
}

bool account_session_find(struct snapshot *s, struct text cookie_value, const char *host,
                          struct identity *out)
{
    const struct account_snapshot *whole = (const struct account_snapshot *)s;
    unsigned char hash[SHA256_BYTES];

    sha256(cookie_value, hash);
    const struct account_key *key = account_find_key(whole, ACCOUNT_SESSIONS, hash);
    if (key == NULL || strcmp(key->host, host) != 0 || key->expires_ms < clock_wall_ms())
        return false;
    const struct account_person *person = account_person(whole, key->user);
    if (person == NULL)
        return false;
    *out =
        (struct identity){.kind = IDENTITY_SESSION, .narrowed = SCOPE_ALL, .credential = key->id};
    fill_person(out, person);
    return true;
}

bool account_token_find(struct snapshot *s, struct text token, struct identity *out)
{
    const struct account_snapshot *whole = (const struct account_snapshot *)s;
    unsigned char hash[SHA256_BYTES];

    sha256(token, hash);
    const struct account_key *key = account_find_key(whole, ACCOUNT_TOKENS, hash);
    if (key == NULL || (key->expires_ms != 0 && key->expires_ms < clock_wall_ms()))
        return false;
    if (key->user[0] == '\0') {
        *out = (struct identity){.kind = IDENTITY_INSTANCE,
                                 .name = key->instance,
                                 .narrowed = key->scopes,
                                 .credential = key->id,
                                 .instance = key->instance,
                                 .tenant = key->tenant,
                                 .generation = key->generation};
        return true;
    }
    const struct account_person *person = account_person(whole, key->user);
    if (person == NULL)
        return false;
    *out =
        (struct identity){.kind = IDENTITY_TOKEN, .narrowed = key->scopes, .credential = key->id};
    fill_person(out, person);
    return true;
}

uint32_t identity_scopes(const struct identity *who, const char *tenant)
{
    if (who->kind == IDENTITY_ANONYMOUS)
        return 0;
    if (who->kind == IDENTITY_INSTANCE)
        return tenant != NULL && who->tenant != NULL && strcmp(who->tenant, tenant) == 0
                   ? who->narrowed & (uint32_t)SCOPE_PACKAGE_READ
                   : 0;
    if (who->admin)
        return SCOPE_ALL & who->narrowed;
    for (size_t i = 0; tenant != NULL && i < who->n_members; i++)
        if (strcmp(who->members[i].tenant, tenant) == 0)
            return role_scopes(who->members[i].role) & who->narrowed;
    return 0;
}

bool identity_may(const struct identity *who, const char *tenant, uint32_t scopes)
{
    return (identity_scopes(who, tenant) & scopes) == scopes;
}

const struct account_tenant *account_tenant_by_slug(struct snapshot *s, struct text slug)
{
    const struct account_people *people = ((const struct account_snapshot *)s)->people;
    size_t low = 0, high = people->n_tenants;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = text_cmp(text_of(people->tenants[middle].slug), slug);
        if (order == 0)
            return &people->tenants[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct account_tenant *account_tenant_by_id(struct snapshot *s, struct text id)
{
    const struct account_people *people = ((const struct account_snapshot *)s)->people;

    for (size_t i = 0; i < people->n_tenants; i++)
        if (text_is(id, people->tenants[i].id))
            return &people->tenants[i];
    return NULL;
}

const struct account_tenant *account_tenants(struct snapshot *s, size_t *n)
{
    const struct account_people *people = ((const struct account_snapshot *)s)->people;

    *n = people->n_tenants;
    return people->tenants;
}

const char *account_user_by_name(struct snapshot *s, struct text name)
{
    const struct account_people *people = ((const struct account_snapshot *)s)->people;

    for (size_t i = 0; i < people->n_persons; i++)
        if (text_is(name, people->persons[i].name))
            return people->persons[i].id;
    return NULL;
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
