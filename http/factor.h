/*
 * The second factor of a person: a code of an authenticator app (core/totp.h), or one of ten
 * recovery codes. A code counts once. Wrong ones are limited as wrong passwords are, with counts of
 * their own. Rows in the control database; whether somebody has one is in the snapshot
 * (identity.factor). Not for: where a code is asked for (call_code in http/call.h).
 */
#pragma once

#include "http/account.h"

#define RECOVERY_CODES 10

const char *factor_mode_name(enum factor_mode mode); /* NULL for FACTOR_NONE */
bool factor_mode_parse(struct text name, enum factor_mode *mode);

/* A new secret as base32, in force once a code of it was shown; one that waits for that is
 * replaced. ERR_CONFLICT "factor_enabled". */
int factor_begin(struct account *account, struct pool *pool, const char *user,
                 enum factor_mode mode, struct text *secret, struct err *err);
/* Who shows a code, and from where. */
struct factor_show {
    const char *user, *name; /* id; name */
    struct text code, address;
    const char *keep; /* factor_confirm: the session that goes on; NULL: none */
};
/* Puts it in force with the first code, makes recovery codes and ends the user's other sessions.
 * ERR_CONFLICT "factor_not_begun"; else as factor_pass. */
int factor_confirm(struct account *account, struct pool *pool, const struct factor_show *show,
                   struct text codes[RECOVERY_CODES], struct err *err);
/* Takes a code or a recovery code; a success is on disk. ERR_UNAUTHORIZED "otp_required" without
 * one, "wrong_otp"; ERR_TOO_MANY "otp_limited". A user without a second factor passes. */
int factor_pass(struct account *account, struct pool *pool, const struct factor_show *show,
                struct err *err);
/* FACTOR_NONE removes it, begun or in force, with its recovery codes, and ends the user's streams
 * in tenants that ask for one. ERR_NOT_FOUND "no_factor". */
int factor_set_mode(struct account *account, const char *user, enum factor_mode mode,
                    struct err *err);
/* New recovery codes; the old ones are void. ERR_NOT_FOUND "no_factor". */
int factor_new_codes(struct account *account, struct pool *pool, const char *user,
                     struct text codes[RECOVERY_CODES], struct err *err);

struct factor_state {
    enum factor_mode mode;
    bool pending;
    int64_t since_ms, codes; /* recovery codes left */
};
/* FACTOR_NONE when there is none. */
int factor_read(struct account *account, const char *user, struct factor_state *state,
                struct err *err);

/* What an authenticator app reads: "otpauth://totp/…". The name that it shows is the host's. */
struct text factor_address(struct pool *pool, const char *public_url, const char *name,
                           struct text secret);

/* Must who show a code before this? Asked at logins, for tokens and for what a person is (writes
 * false), and with FACTOR_AUTH_AND_WRITES before a package changes. A session that has shown one
 * lately need not. */
bool factor_is_due(const struct identity *who, bool writes);
