/*
 * Addresses whose X-Forwarded-For counts: "127.0.0.1, 10.0.0.0/8, ::1". Pure.
 */
#pragma once

#include "core/text.h"

struct err;
struct peers;
struct pool;

/* list NULL or empty: nobody. ERR_INVALID "bad_address" names the item. */
int peers_parse(struct pool *pool, const char *list, struct peers **out, struct err *err);
bool peers_has(const struct peers *peers, struct text address);
/* Whom the request is from: the last address that is not itself trusted; the peer when it is not.
 * Malformed words end the search. */
struct text peers_client(const struct peers *peers, struct text peer, struct text forwarded_for);
