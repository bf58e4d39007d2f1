/*
 * Asks who changes a package for a code of their second factor: by npm's challenge, with the
 * addresses of a page that asks for it (login.h), or at npm's own prompt. Not for: the codes
 * themselves (http/factor.h), logins (routes_weblogin.c).
 */
#pragma once

#include "core/text.h"

struct call;
struct registry;

/* True: go on. Answers the call and returns false when a code is due and not there, or wrong. The
 * own rule of package counts too (otp_rule_set); absent: none. */
bool otp_asked(struct registry *registry, struct call *c, struct text package);
/* For what a person may with any second factor only by a code: tokens, profile. */
bool otp_asked_of_person(struct registry *registry, struct call *c);

/* For a version that was handed in and waits for a person: a code of whoever has a second factor,
 * whatever its mode, and no token that needs none. */
bool otp_asked_to_judge(struct registry *registry, struct call *c, struct text package);

/* A package may ask a code of everybody who changes it; machines' tokens count as one or not. */
struct otp_rule {
    bool required, machines;
};
struct db_conn;
struct err;
struct pool;
int otp_rule_get(struct db_conn *conn, struct pool *pool, struct text package,
                 struct otp_rule *rule, struct err *err);
int otp_rule_set(struct db_conn *conn, struct text package, const struct otp_rule *rule,
                 struct err *err);
