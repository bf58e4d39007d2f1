/*
 * What a token is held to beside its scopes and its end: where it may be used from, which names and
 * tenants it is for. Immutable and refcounted; hangs on the token's key in the snapshot, so that a
 * request costs no look-up more. What the names mean is the business of the area that owns them: to
 * http they are globs over opaque text.
 */
#pragma once

#include "core/snapshot.h"
#include "core/text.h"

#include <stdint.h>

struct account_tenant;
struct err;
struct json;
struct json_writer;
struct limits;
struct pool;

#define LIMITS_MOST 50 /* items in a list */

struct limits_list {
    const struct text *items;
    size_t n;
};
struct limits_spec {
    struct limits_list addresses; /* "10.0.0.0/8", "2001:db8::1" */
    struct limits_list names;     /* globs: "@acme/red-hello", "@acme/" and a star */
    struct limits_list tenants;   /* ids */
    struct text actor;            /* of a token that is nobody's: who it acts as */
    bool bypass_2fa;
};

/* *out is one reference, or NULL when spec limits nothing. ERR_UNPROCESSABLE "bad_cidr",
 * "bad_limit". */
int limits_make(const struct limits_spec *spec, struct limits **out, struct err *err);
void limits_hold(struct limits *limits); /* NULL is fine */
void limits_drop(struct limits *limits); /* NULL is fine */

/* As kept in a row: absent for NULL. */
struct text limits_write(const struct limits *limits, struct pool *pool);
int limits_read(struct pool *pool, struct text row, struct limits **out, struct err *err);
/* A list of texts of doc by key; missing or null is an empty one. ERR_UNPROCESSABLE "bad_limit". */
int limits_list_read(struct pool *pool, const struct json *doc, const char *key,
                     struct limits_list *out, struct err *err);
/* "packages", "addresses", "tenants" (slugs) and "bypass_2fa" into an object that is open. */
struct snapshot;
void limits_put(const struct limits *limits, struct snapshot *accounts, struct json_writer *w);

/* NULL limits allow everything. */
bool limits_allow_address(const struct limits *limits, struct text address);
bool limits_allow_name(const struct limits *limits, struct text name);
bool limits_allow_tenant(const struct limits *limits, const char *tenant);
/* Whether it is anything that an owner would notice, beside bypass_2fa. */
bool limits_narrow(const struct limits *limits);
bool limits_bypass_2fa(const struct limits *limits);
const char *limits_actor(const struct limits *limits);
/* The lists as they were given; n 0: not limited. */
struct limits_list limits_addresses(const struct limits *limits);
struct limits_list limits_names(const struct limits *limits);
