/* Look-ups in a snapshot: no lock, no allocation. */
#include "core/clock.h"
#include "http/account_part.h"

#include <string.h>

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
    who->email = person->email[0] != '\0' ? person->email : NULL;
    who->admin = person->admin;
    who->must_change = person->must_change;
    who->factor = person->factor;
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
    *out = (struct identity){.kind = IDENTITY_SESSION,
                             .narrowed = SCOPE_ALL,
                             .credential = key->id,
                             .code_at_ms = key->code_at_ms};
    fill_person(out, person);
    return true;
}

static void fill_machine(struct identity *who, const struct account_key *key)
{
    const char *actor = limits_actor(key->limits);
    *who = (struct identity){.kind = actor != NULL ? IDENTITY_TRUSTED : IDENTITY_INSTANCE,
                             .name = actor != NULL ? actor : key->instance,
                             .narrowed = key->scopes,
                             .credential = key->id,
                             .limits = key->limits,
                             .bypass_2fa = actor != NULL,
                             .instance = actor != NULL ? NULL : key->instance,
                             .tenant = key->tenant[0] != '\0' ? key->tenant : NULL,
                             .generation = key->generation};
}

bool account_token_find(struct snapshot *s, struct text token, struct identity *out)
{
    unsigned char hash[SHA256_BYTES];

    sha256(token, hash);
    return account_token_find_hash(s, hash, out);
}

bool account_token_find_hash(struct snapshot *s, const unsigned char hash[SHA256_BYTES],
                             struct identity *out)
{
    const struct account_snapshot *whole = (const struct account_snapshot *)s;
    const struct account_key *key = account_find_key(whole, ACCOUNT_TOKENS, hash);
    if (key == NULL || (key->expires_ms != 0 && key->expires_ms < clock_wall_ms()))
        return false;
    if (key->user[0] == '\0') {
        fill_machine(out, key);
        return true;
    }
    const struct account_person *person = account_person(whole, key->user);
    if (person == NULL)
        return false;
    *out = (struct identity){.kind = IDENTITY_TOKEN,
                             .narrowed = key->scopes,
                             .credential = key->id,
                             .limits = key->limits,
                             .bypass_2fa = limits_bypass_2fa(key->limits)};
    fill_person(out, person);
    return true;
}

static bool is_same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Of who acts for nobody: only towards the tenant that it was made for. */
static uint32_t machine_scopes(const struct identity *who, const char *tenant)
{
    if (!is_same(who->tenant, tenant))
        return 0;
    if (who->kind == IDENTITY_INSTANCE)
        return who->narrowed & (uint32_t)SCOPE_PACKAGE_READ;
    return who->narrowed & (uint32_t)SCOPE_PACKAGES;
}

enum role identity_role(const struct identity *who, const char *tenant)
{
    for (size_t i = 0; tenant != NULL && i < who->n_members; i++)
        if (strcmp(who->members[i].tenant, tenant) == 0)
            return who->members[i].role;
    return ROLE_NONE;
}

static uint32_t person_scopes(const struct identity *who, const char *tenant)
{
    return (who->admin ? SCOPE_ALL : role_scopes(identity_role(who, tenant))) & who->narrowed;
}

uint32_t identity_scopes(const struct identity *who, const char *tenant)
{
    switch (who->kind) {
    case IDENTITY_ANONYMOUS:
        return 0;
    case IDENTITY_INSTANCE:
    case IDENTITY_TRUSTED:
        return machine_scopes(who, tenant);
    case IDENTITY_SESSION:
    case IDENTITY_TOKEN:
        break;
    }
    uint32_t scopes = person_scopes(who, tenant);
    /* packages are limited by their names */
    return limits_allow_tenant(who->limits, tenant) ? scopes : scopes & (uint32_t)SCOPE_PACKAGES;
}

bool identity_lacks_factor(const struct identity *who, const char *tenant)
{
    for (size_t i = 0; tenant != NULL && !who->admin && i < who->n_members; i++)
        if (strcmp(who->members[i].tenant, tenant) == 0)
            return who->members[i].withheld != ROLE_NONE;
    return false;
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
    size_t low = 0, high = people->n_tenants;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = text_cmp(text_of(people->by_id[middle]->id), id);
        if (order == 0)
            return people->by_id[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
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
    size_t low = 0, high = people->n_persons;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = text_cmp(text_of(people->by_name[middle]->name), name);
        if (order == 0)
            return people->by_name[middle]->id;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
