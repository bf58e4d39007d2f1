/*
 * The public keys of the uplink, which signed the versions that come from there: asked once in a
 * while, kept for days when it is down. Blocking.
 */
#pragma once

#include "core/text.h"

struct err;
struct json_writer;
struct pool;
struct uplink;

/* Its keys as it gave them, each an object, into an open array. What has no key says so or does not
 * answer: none, or the last that came. */
int uplink_put_keys(struct uplink *uplink, struct pool *pool, struct json_writer *w,
                    struct err *err);
