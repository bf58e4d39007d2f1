/*
 * Stars: packages that a person marked, their own or public ones. They belong to the person, so
 * whoever may read a package may star it.
 */
#pragma once

#include "core/text.h"

struct db_conn;
struct err;
struct identity;
struct json_writer;
struct pool;
struct registry;

/* Both are a success when there is nothing to change. ERR_NOT_FOUND "package_not_found" for a name
 * of ours that is not there (own); ERR_CONFLICT "too_many_stars". */
int star_set(struct registry *registry, const struct identity *who, struct text name, bool own,
             struct err *err);
int star_clear(struct registry *registry, const struct identity *who, struct text name,
               struct err *err);
/* Calls fn for each that the user (id) marked, by name. */
int star_each(struct registry *registry, struct pool *pool, const char *user,
              void (*fn)(void *arg, struct text name), void *arg, struct err *err);
/* {"ann":true}: who marked a package, as `users` of its document; at most 1,000. */
int star_users(struct db_conn *conn, struct pool *pool, struct text name, struct text *json,
               struct err *err);
