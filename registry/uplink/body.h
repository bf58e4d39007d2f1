/*
 * What clients read of a public package: the uplink's document with each dist.tarball pointing
 * here. All else is copied as it came, but for keys with escapes, which could stand for others.
 * Pure.
 */
#pragma once

#include "core/text.h"

struct err;
struct pkgname;
struct pool;

/* ERR_UPSTREAM "bad_document" unless doc is a packument of this name, with its versions once. */
int uplink_body_check(struct text doc, struct text name, struct err *err);
int uplink_body(struct pool *pool, const char *base, const struct pkgname *name, struct text doc,
                struct text *body, struct err *err);
/* The members of versions[version].dist, absent where they are missing. False: no such version. */
struct uplink_dist {
    struct text tarball, integrity, shasum; /* in the pool */
};
bool uplink_body_dist(struct pool *pool, struct text doc, struct text version,
                      struct uplink_dist *out);
/* versions[which] or versions[dist-tags[which]] with its tarball here; ERR_NOT_FOUND. */
int uplink_body_version(struct pool *pool, const char *base, const struct pkgname *name,
                        struct text doc, struct text which, struct text *body, struct err *err);
/* dist-tags as they came. */
int uplink_body_tags(const struct pkgname *name, struct text doc, struct text *body,
                     struct err *err);
