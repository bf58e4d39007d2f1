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
#include "http/limits.h"

struct db_tx;

#define ACCOUNT_SHARDS 256

struct account_person {
    const char *id, *name, *email;
    bool admin, must_change;
    enum factor_mode factor;
    struct account_member *members;
    size_t n_members;
};

struct account_people {
    struct snapshot base;
    struct pool *pool;
    struct account_person *persons; /* by id */
    struct account_person **by_name;
    size_t n_persons;
    struct account_tenant *tenants; /* by slug */
    struct account_tenant **by_id;
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
    int64_t expires_ms; /* wall; of a token 0: never */
    int64_t generation;
    int64_t code_at_ms; /* wall; of a session: a code of the second factor was shown last */
    uint32_t scopes;
    struct limits *limits; /* of a token; a reference, held by the shard; NULL: none */
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

/* A session or token in use since the last flush; a slot of a hash table by id. */
struct account_touched {
    char id[ACCOUNT_ID]; /* "": free */
    bool is_token;
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
    struct account_limits *codes; /* wrong codes of second factors */
    struct seal *seal;            /* NULL: nobody has a second factor */
    struct account_tickets *tickets;
    pthread_mutex_t touching;
    struct account_touched *touched; /* ACCOUNT_TOUCHED_SLOTS, at most half of them used */
    size_t n_touched;
};

#define ACCOUNT_TOUCHED_SLOTS 8192

/* After a commit that changed users, tenants or members: reads them anew. */
int account_reload_people(struct account *account, struct err *err);
enum account_keys { ACCOUNT_TOKENS, ACCOUNT_SESSIONS };
/* After the commit that made the row. Fails with ERR_CONFLICT "ended" if it was removed at the same
 * moment, and then leaves no key behind. */
int account_add_key(struct account *account, enum account_keys kind, const struct account_key *key,
                    struct err *err);
void account_drop_key(struct account *account, enum account_keys kind,
                      const unsigned char hash[SHA256_BYTES]);
/* Shows all keys to fn, which may alter the copy it gets; shards where nothing changes stay. */
enum account_verdict { ACCOUNT_KEEP, ACCOUNT_DROP, ACCOUNT_ALTERED };
typedef enum account_verdict account_revise_fn(void *arg, struct account_key *key);
void account_revise_keys(struct account *account, enum account_keys kind, account_revise_fn *fn,
                         void *arg);
const struct account_key *account_find_key(const struct account_snapshot *s, enum account_keys kind,
                                           const unsigned char hash[SHA256_BYTES]);
const struct account_person *account_person(const struct account_snapshot *s, const char *id);
/* Of a user, but for `keep` (an id or NULL) and its children: the rows, and after the commit the
 * keys. */
int account_end_sessions(struct db_tx *tx, const char *user, const char *keep, struct err *err);
void account_drop_sessions(struct account *account, const char *user, const char *keep);
void account_tell_ended(struct account *account, const char *user);

/* Users, tenants, members as they are on disk; NULL on failure. */
struct account_people *account_load_people(struct account *account, struct err *err);
int account_load_tokens(struct account *account, struct account_snapshot *into, struct err *err);
int account_load_sessions(struct account *account, struct account_snapshot *into, struct err *err);
/* Builds shards out of all keys; takes over their references. */
void account_fill(struct account_shard **shards, const struct account_key *keys, size_t n);

/* A session lives this long after its last use, but never longer than that from its start; use is
 * written when it moves the end by at least a step. */
#define SESSION_IDLE_MS (14ll * 86400 * 1000)
#define SESSION_LIFE_MS (90ll * 86400 * 1000)
#define SESSION_STEP_MS (3600ll * 1000)
int account_carry_sessions(struct account *account, const struct account_touched *touched, size_t n,
                           struct err *err);
int account_expire_sessions(struct account *account, struct err *err);
/* account_touch's table, emptied: *n of them, to be freed by the caller. */
struct account_touched *account_take_touched(struct account *account, size_t *n);

struct account_tickets *account_tickets_new(void);
void account_tickets_free(struct account_tickets *tickets);
struct account_limits *account_limits_new(void);
void account_limits_free(struct account_limits *limits);
/* False: too many failures lately. */
bool account_limit_allows(struct account_limits *limits, struct text name, struct text address);
void account_limit_failed(struct account_limits *limits, struct text name, struct text address);
void account_limit_passed(struct account_limits *limits, struct text name, struct text address);
