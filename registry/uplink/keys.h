/*
 * The public keys of the uplinks, which signed the versions that come from there: asked once in a
 * while, kept for days when one is down. Blocking.
 */
#pragma once

#include "core/text.h"

struct err;
struct json_writer;
struct pool;
struct uplinks;

/* Their keys as they gave them, each an object, into an open array. What has no key says so or does
 * not answer: none, or the last that came. */
int uplinks_put_keys(struct uplinks *uplinks, struct pool *pool, struct json_writer *w,
                     struct err *err);
