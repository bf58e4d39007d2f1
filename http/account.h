/*
 * Users, tenants as names, members, sessions and tokens: the rows (control database) and the
 * immutable snapshot that loops judge every request by. Changing functions run on a worker and
 * return once the change is on disk and the snapshot replaced. Not for: what an area does with a
 * tenant.
 */
#pragma once

#include "core/digest.h"
#include "core/snapshot.h"
#include "core/text.h"
#include "http/scope.h"

#include <stdint.h>

struct account;
struct db;
struct err;
struct seal;
struct json_writer;
struct limits;
struct limits_spec;
struct pool;

#define ACCOUNT_ID 27 /* random_id with its NUL */

struct account_member {
    const char *tenant; /* id */
    const char *slug;
    enum role role;
    enum role withheld; /* what role would be if the user had the second factor that is asked for */
};

/* What somebody's second factor is asked for (http/factor.h). */
enum factor_mode { FACTOR_NONE, FACTOR_AUTH_ONLY, FACTOR_AUTH_AND_WRITES };

/* Who asks. Lives in the call's pool or in a snapshot that the call holds. */
enum identity_kind {
    IDENTITY_ANONYMOUS,
    IDENTITY_SESSION,
    IDENTITY_TOKEN,
    IDENTITY_INSTANCE,
    IDENTITY_TRUSTED, /* a machine that a package trusts: publishes it, is no person */
};
struct identity {
    enum identity_kind kind;
    const char *user;  /* user id; NULL for anonymous, instance and trusted */
    const char *name;  /* user name, the instance id, or whom the package trusts */
    const char *email; /* of a user who has one, else NULL */
    bool admin;
    bool must_change; /* password: nothing but the change is allowed */
    enum factor_mode factor;
    int64_t code_at_ms;     /* wall; when a session has shown a code of it last, 0: not lately */
    uint32_t narrowed;      /* scopes a token leaves; SCOPE_ALL for sessions */
    const char *credential; /* id of the session or token row */
    const struct limits *limits; /* of a token (http/limits.h); NULL: none */
    bool bypass_2fa;             /* of a token: asks for no second factor */
    const struct account_member *members;
    size_t n_members;
    /* instance and trusted tokens */
    const char *instance;
    const char *tenant; /* id; NULL: trusted by a package of the platform's scope */
    int64_t generation;
};
/* The scopes of who in a tenant (id); SCOPE_PLATFORM only for admins. */
uint32_t identity_scopes(const struct identity *who, const char *tenant);
bool identity_may(const struct identity *who, const char *tenant, uint32_t scopes);
/* As a member of a tenant (id, or NULL), whatever a token leaves of it; ROLE_NONE: not one. */
enum role identity_role(const struct identity *who, const char *tenant);
/* A member of a tenant (id) whose role is withheld until they have a second factor. */
bool identity_lacks_factor(const struct identity *who, const char *tenant);
#define FACTOR_LACKS                                                                               \
    ERR_FORBIDDEN, "factor_required",                                                              \
        "This tenant asks its members for a second factor. Set one up: npm profile enable-2fa, "   \
        "or your account's page in the portal."

struct account *account_open(struct db *control, const char *token_prefix, struct err *err);
void account_close(struct account *account);
/* Seals the secrets of second factors; set before the first call that needs it. */
void account_use_seal(struct account *account, struct seal *seal);

/* Look-ups on any thread, in memory. The snapshot is held by the caller until dropped. */
struct snapshot *account_snapshot(struct account *account);
/* False: no such live credential. */
bool account_session_find(struct snapshot *s, struct text cookie_value, const char *host,
                          struct identity *out);
bool account_token_find(struct snapshot *s, struct text token, struct identity *out);
/* The same by the token's SHA-256. */
bool account_token_find_hash(struct snapshot *s, const unsigned char hash[SHA256_BYTES],
                             struct identity *out);
/* Tenant by slug or id; NULL if none. */
struct account_tenant {
    const char *id, *slug, *name;
    bool require_factor; /* of each member */
};
const struct account_tenant *account_tenant_by_slug(struct snapshot *s, struct text slug);
const struct account_tenant *account_tenant_by_id(struct snapshot *s, struct text id);
const struct account_tenant *account_tenants(struct snapshot *s, size_t *n);
const char *account_user_by_name(struct snapshot *s, struct text name); /* id or NULL */

/* Users. */
struct account_user {
    struct text name, password, email;
    struct text hash; /* instead of the password: of an htpasswd file (core/htpasswd.h) */
    bool admin, must_change;
};
int account_user_create(struct account *account, const struct account_user *user,
                        char id[ACCOUNT_ID],
                        struct err *err); /* ERR_CONFLICT "user_exists", "bad_hash" */
/* email absent and admin < 0 leave what is. */
int account_user_change(struct account *account, struct text name, struct text email, int admin,
                        struct err *err);
int account_user_remove(struct account *account, struct text name, struct err *err);
/* Ends the user's sessions but for `keep` (a session's id or NULL) and its children; tokens stay.
 */
int account_password_set(struct account *account, const char *user, struct text password,
                         bool must_change, const char *keep, struct err *err);
/* Password lane. On success *user is the id. ERR_UNAUTHORIZED "bad_credentials"; too many failures
 * for the name or the address: ERR_TOO_MANY "login_limited". An address from which the name has
 * logged in before has a count of its own, so that strangers cannot lock a person out. */
int account_login(struct account *account, struct pool *pool, struct text name,
                  struct text password, struct text address, const char **user, struct err *err);

/* Tenants and members. */
int account_tenant_create(struct account *account, struct text slug, struct text name,
                          char id[ACCOUNT_ID],
                          struct err *err); /* "slug_taken", "bad_slug", "slug_reserved" */
/* name absent and require_factor < 0 leave what is. */
int account_tenant_change(struct account *account, const char *tenant, struct text name,
                          int require_factor, struct err *err);
int account_tenant_remove(struct account *account, const char *tenant, struct err *err);
int account_member_set(struct account *account, const char *tenant, const char *user,
                       enum role role,
                       struct err *err); /* ROLE_NONE removes; ends that person's streams there */
/* As account_member_set in somebody's name: ERR_CONFLICT "last_owner" when an owner who is no admin
 * would leave the tenant without one. */
struct account_member_change {
    const struct identity *who;
    const char *tenant, *user; /* ids */
    enum role role;
};
int account_member_change(struct account *account, struct pool *pool,
                          const struct account_member_change *change, struct err *err);

/* Sessions: a row per host (platform or instance); a child session ends with its parent. They end
 * 14 days after the last use, 90 days after login, and when the user has 200 newer ones.
 * ERR_UNAUTHORIZED "session_ended" when the parent has ended. */
int account_session_create(struct account *account, struct pool *pool, const char *user,
                           struct text host, const char *parent, struct text *cookie_value,
                           struct err *err);
/* The session that this one came from by a ticket; NULL if it is one of the portal's own. */
const char *account_session_parent(struct account *account, struct pool *pool, const char *session);
/* It has shown a code of the second factor just now; kept in memory only. */
void account_session_note_code(struct account *account, const char *session);
int account_session_end(struct account *account, const char *session, struct err *err);
/* One-time tickets, 30 s, memory only: carry a session to another host. state is a word that only
 * the browser which asked at that host can repeat (at most 47 bytes), so that nobody can hand their
 * own ticket to somebody else's browser. */
struct account_ticket_door {
    struct text host, state;
};
struct text account_ticket_make(struct account *account, struct pool *pool, const char *session,
                                const struct account_ticket_door *door);
/* What a browser shows for it: of its words one must be the door's, since others can be put beside
 * it. */
struct account_ticket_claim {
    struct text ticket, host;
    const struct text *states;
    size_t n_states;
};
bool account_ticket_take(struct account *account, struct pool *pool,
                         const struct account_ticket_claim *claim, const char **user,
                         const char **session);

/* Tokens: "PREFIX_<30 base62><6 checksum>", sha256 at rest, shown once. The checksum is the first 6
 * bytes of the sha256 of the 30 characters, each modulo 62. */
struct account_token {
    const char *user; /* owner; NULL for an instance or for whom a package trusts */
    struct text label;
    struct text description;
    uint32_t scopes;               /* what it leaves */
    int64_t expires_ms;            /* wall; 0 never */
    const char *instance, *tenant; /* instance and trusted tokens */
    int64_t generation;
    struct text value; /* absent: one is made; else a token of another server that moved here */
    const struct limits_spec *limits; /* NULL: none; with an actor, the token is nobody's */
};
/* Whether it has the form of our tokens, by prefix, length and checksum: a cut or mistyped one is
 * told without a look-up. prefix is "PREFIX_". */
bool account_token_is_whole(struct text token, struct text prefix);
/* The scopes that a token made of spec has: what a limit would not hold is left out. */
uint32_t account_token_scopes(const struct account_token *spec);
int account_token_create(struct account *account, struct pool *pool,
                         const struct account_token *spec, struct text *token, char id[ACCOUNT_ID],
                         struct err *err); /* and what limits_make refuses */
int account_token_remove(struct account *account, const char *user, struct text id,
                         struct err *err);
/* The row of a raw token value, for npm logout. */
int account_token_remove_value(struct account *account, struct text token, struct err *err);
/* Drops an instance's tokens of generations below `generation`. */
int account_instance_tokens_retire(struct account *account, const char *instance,
                                   int64_t generation, struct err *err);
int account_tokens_json(struct account *account, const char *user, struct json_writer *w,
                        struct err *err);

/* Called (any thread) when sessions, tokens or roles end, so that http can close that person's open
 * WebSockets and streams. user NULL: look at everybody. */
void account_on_ended(struct account *account, void (*fn)(void *arg, const char *user), void *arg);
/* Use is collected and written once a minute by account_flush (a timer's worker), which also drops
 * what has expired. */
void account_touch(struct account *account, const struct identity *who, struct text address);
int account_flush(struct account *account, struct err *err);
