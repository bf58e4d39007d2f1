/*
 * Logins of npm. The web login is a meeting of two: npm polls one secret address while a person
 * opens another, sees who asks, and allows it. Both live in memory only, for ten minutes. The
 * classic login is a password in a document. Either way npm gets a token that reads and publishes
 * packages and nothing else.
 *
 * A code of the second factor is asked for at such a meeting as well (otp.h): then npm gets a pass
 * that stands for a code, for five minutes, with the credential it asked with.
 */
#pragma once

#include "core/text.h"
#include "http/scope.h"

struct call;
struct err;
struct identity;
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
/* As login_begin, for a code of who. */
int login_begin_code(struct logins *logins, struct pool *pool, struct text peer,
                     const struct identity *who, struct text *page, struct text *poll,
                     struct err *err);
/* What the page is for, in the pool. */
struct login_seen {
    struct text peer; /* where the request came from */
    bool code;        /* a code alone is asked for, of user */
    const char *user; /* id; NULL: nobody has said who they are */
    struct text name; /* of user */
};
/* False when there is no such login (any more). */
bool login_find(struct logins *logins, struct pool *pool, struct text page,
                struct login_seen *seen);
/* Notes that user has given their password and owes the code of their second factor. */
void login_owe(struct logins *logins, struct text page, const char *user, struct text name);
/* Hands the token to who polls; false as with login_find or when it was allowed before. */
bool login_allow(struct logins *logins, struct text page, struct text token);
/* As login_allow with a pass for a code. */
bool login_allow_code(struct logins *logins, struct text page);
/* Whether it is a pass of who, and of the credential that they ask with. */
bool login_is_pass(struct logins *logins, const struct identity *who, struct text pass);
enum login_state { LOGIN_UNKNOWN, LOGIN_WAITING, LOGIN_DONE };
/* With LOGIN_DONE the token, once. */
enum login_state login_poll(struct logins *logins, struct pool *pool, struct text poll,
                            struct text *token);

/* Checks the password (password lane) and the code, and makes a token. With create and
 * self-registration on, an unknown user is made. *user is filled once the password was right.
 * ERR_UNAUTHORIZED "bad_credentials", ERR_TOO_MANY "login_limited", and those of factor_pass. */
struct login_classic {
    struct text name, password, email, code;
    bool create;
};
int login_classic(struct registry *registry, struct call *c, const struct login_classic *login,
                  const char **user, struct text *token, struct err *err);
/* A token for somebody who is known already. */
int login_token(struct registry *registry, struct pool *pool, const char *user, struct text *token,
                struct err *err);
