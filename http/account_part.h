/*
 * What the account's files share. Inside http/ only.
 *
 * The snapshot is one small object that holds three parts: people (users, tenants, members), tokens
 * and sessions. A change replaces one part, or one of the shards of tokens and sessions, and shares
 * the rest with the old snapshot.
 */
#pragma once

#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"
#include "http/account.h"

#define ACCOUNT_SHARDS 256

struct account_person {
    const char *id, *name, *email;
    bool admin, must_change;
    struct account_member *members;
    size_t n_members;
};

struct account_people {
    struct snapshot base;
    struct pool *pool;
    struct account_person *persons; /* by id */
    size_t n_persons;
    struct account_tenant *tenants; /* by slug */
    size_t n_tenants;
};

/* A live session or token. */
struct account_key {
    unsigned char hash[SHA256_BYTES];
    char id[ACCOUNT_ID];
    char user[ACCOUNT_ID];   /* "": an instance's token */
    char parent[ACCOUNT_ID]; /* of a session */
    char host[128];          /* of a session */
    char instance[ACCOUNT_ID], tenant[ACCOUNT_ID];
    int64_t expires_ms, generation;
    uint32_t scopes;
};

struct account_shard {
    struct snapshot base;
    size_t n;
    struct account_key keys[]; /* by hash */
};

struct account_snapshot {
    struct snapshot base;
    struct account_people *people;
    struct account_shard *tokens[ACCOUNT_SHARDS];
    struct account_shard *sessions[ACCOUNT_SHARDS];
};

struct account_touched {
    char token[ACCOUNT_ID];
    char from[64];
    int64_t at;
};

struct account {
    struct db *db;
    char *prefix;
    struct snapshot_slot slot;
    pthread_mutex_t changing; /* one change of the snapshot at a time */
    void (*ended)(void *arg, const char *user);
    void *ended_arg;
    struct account_limits *limits;
    struct account_tickets *tickets;
    pthread_mutex_t touching;
    struct account_touched *touched;
    size_t n_touched;
};

#define ACCOUNT_TOUCHED_MOST 4096

/* After a commit that changed users, tenants or members: reads them anew. */
int account_reload_people(struct account *account, struct err *err);
/* Adds or (remove set) takes away one key and replaces its shard. */
enum account_keys { ACCOUNT_TOKENS, ACCOUNT_SESSIONS };
void account_put_key(struct account *account, enum account_keys kind, const struct account_key *key,
                     bool remove);
/* Takes away all keys for which fn says so. */
void account_sweep_keys(struct account *account, enum account_keys kind,
                        bool (*fn)(void *arg, const struct account_key *key), void *arg);
const struct account_key *account_find_key(const struct account_snapshot *s, enum account_keys kind,
                                           const unsigned char hash[SHA256_BYTES]);
const struct account_person *account_person(const struct account_snapshot *s, const char *id);
void account_tell_ended(struct account *account, const char *user);

int account_load_tokens(struct account *account, struct account_snapshot *into, struct err *err);
int account_load_sessions(struct account *account, struct account_snapshot *into, struct err *err);
/* Builds shards out of all keys. */
void account_fill(struct account_shard **shards, const struct account_key *keys, size_t n);

struct account_tickets *account_tickets_new(void);
void account_tickets_free(struct account_tickets *tickets);
struct account_limits *account_limits_new(void);
void account_limits_free(struct account_limits *limits);
/* False: too many failures lately for this key. */
bool account_limit_allows(struct account_limits *limits, struct text key);
void account_limit_failed(struct account_limits *limits, struct text key);
void account_limit_forget(struct account_limits *limits, struct text key);
