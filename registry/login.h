/*
 * Logins of npm. The web login is a meeting of two: npm polls one secret address while a person
 * opens another, sees who asks, and allows it. Both live in memory only, for ten minutes. The
 * classic login is a password in a document. Either way npm gets a token that reads and publishes
 * packages and nothing else.
 */
#pragma once

#include "core/text.h"
#include "http/scope.h"

struct err;
struct logins;
struct pool;
struct registry;

#define LOGIN_SCOPES (SCOPE_PACKAGE_READ | SCOPE_PACKAGE_PUBLISH | SCOPE_PACKAGE_STAGE)

struct logins *logins_new(void);
void logins_free(struct logins *logins); /* NULL is fine */

/* page and poll: the secrets of the two addresses, in pool. ERR_TOO_MANY "too_many_logins" when an
 * address has too many of them open. */
int login_begin(struct logins *logins, struct pool *pool, struct text peer, struct text *page,
                struct text *poll, struct err *err);
/* Where the request came from; false when there is no such login (any more). */
bool login_find(struct logins *logins, struct pool *pool, struct text page, struct text *peer);
/* Hands the token to who polls; false as above or when it was allowed before. */
bool login_allow(struct logins *logins, struct text page, struct text token);
enum login_state { LOGIN_UNKNOWN, LOGIN_WAITING, LOGIN_DONE };
/* With LOGIN_DONE the token, once. */
enum login_state login_poll(struct logins *logins, struct pool *pool, struct text poll,
                            struct text *token);

/* Checks the password (password lane) and makes a token. With create and self-registration on, an
 * unknown user is made. ERR_UNAUTHORIZED "bad_credentials", ERR_TOO_MANY "login_limited". */
struct login_classic {
    struct text name, password, email, peer;
    bool create;
};
int login_classic(struct registry *registry, struct pool *pool, const struct login_classic *login,
                  struct text *token, struct err *err);
/* A token for somebody who is known already. */
int login_token(struct registry *registry, struct pool *pool, const char *user, struct text *token,
                struct err *err);
