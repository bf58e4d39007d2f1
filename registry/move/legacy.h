/*
 * Legacy tokens of a Verdaccio that moved here. Such a token is its user's name and password under
 * AES-256-CTR with the secret of that Verdaccio and nothing more: whether it may be one is told in
 * memory, on a loop; at its first use the password is checked and its hash becomes a token row like
 * another, so that it costs a look-up from then on and dies at logout. Not for: JSON Web Tokens,
 * which nobody can take over.
 */
#pragma once

#include "core/text.h"

struct err;
struct json;
struct legacy;
struct pool;
struct registry;

struct legacy *legacy_open(struct registry *registry, struct err *err);
void legacy_close(struct legacy *legacy); /* NULL is fine */
/* Does it read as a token of somebody who is here? Any thread, no waiting. */
bool legacy_may_be(struct legacy *legacy, struct text token);
/* Makes it one of ours. Password lane. ERR_UNAUTHORIZED "bad_token", and what a login says. */
int legacy_take(struct legacy *legacy, struct pool *pool, struct text token, struct text peer,
                struct err *err);
/* doc: {"secret","tokens":[{"key","user","read_only","addresses"}]}. *n: tokens in all. */
int legacy_learn(struct legacy *legacy, struct pool *pool, const struct json *doc, int64_t *n,
                 struct err *err);
/* From now on no more of them are taken; those that were go on. */
int legacy_forget(struct legacy *legacy, struct err *err);
