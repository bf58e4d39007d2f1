/*
 * The registry's signatures: each version is signed when it is published, over
 * NAME@VERSION:INTEGRITY, as the public registry does, so that `audit signatures` of clients tells
 * what came from here. The signature stands in the version's stored dist. One key signs; rotation
 * makes another and leaves the old one to be served with the moment it ended. Keys are sealed.
 */
#pragma once

#include "core/text.h"

struct db;
struct db_conn;
struct err;
struct json_writer;
struct pool;
struct ready;
struct seal;
struct signing;

/* Reads the key that signs; makes the first. */
struct signing *signing_open(struct db *control, struct seal *seal, struct err *err);
void signing_close(struct signing *signing); /* NULL is fine */

/* dist with its signature. Holding the writer, so that nothing is signed by a key after its end.
 * dist: a JSON object with members, integrity being one of them. *key: whose it is. */
struct text signing_add(struct signing *signing, struct pool *pool, struct text package_version,
                        struct text dist, struct text *key);
/* Does the signature in dist hold, by the key that is called so? */
bool signing_holds(struct signing *signing, struct pool *pool, struct text package_version,
                   struct text dist, struct text key);
/* From its commit on another key signs. */
int signing_rotate(struct signing *signing, struct err *err);
/* Signs up to most versions that were published unsigned and drops their ready bodies; *n: how
 * many. */
int signing_catch_up(struct signing *signing, struct ready *ready, unsigned most, unsigned *n,
                     struct err *err);
/* {"expires","keyid","keytype","scheme","key"} of each, newest first, into an open array. */
int signing_put_keys(struct db_conn *conn, struct pool *pool, struct json_writer *w,
                     struct err *err);
