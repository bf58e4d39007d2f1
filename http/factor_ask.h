/* A code of the second factor in a request: the header `npm-otp`, as npm sends it, or `code` in the
 * body. Failures are those of factor_pass; their 401 carries `WWW-Authenticate: OTP`. */
#pragma once

#include "http/factor.h"

struct call;
struct json;

/* Passes who asks unless a code is due (factor_is_due) and not shown. */
int factor_ask(struct account *account, struct call *c, bool writes, struct err *err);
/* Passes who asks only with a code shown now, if they have a second factor: before what a stolen
 * session must not do. doc: the body or NULL. */
int factor_ask_anew(struct account *account, struct call *c, const struct json *doc,
                    struct err *err);
/* As factor_ask_anew for a user whose password was right just now. */
int factor_ask_user(struct account *account, struct call *c, const char *user, struct text name,
                    struct text code, struct err *err);
/* `code` of doc (may be NULL), else the header; absent: none. */
int factor_code(struct call *c, const struct json *doc, struct text *code, struct err *err);
