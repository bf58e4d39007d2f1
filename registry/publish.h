/*
 * The one funnel: bytes in, checked version out. A publish by npm, a build and an upload meet here;
 * nobody else writes versions. Order: hash, compare with the promise, read the tarball's own
 * package.json, store the blob, then one transaction that settles who was first. Nothing is visible
 * before its commit.
 */
#pragma once

#include "registry/package.h"
#include "registry/registry.h"

struct account_tenant;
struct identity;
struct json;
struct pkgname;
struct snapshot;

struct publish_result {
    struct text name, version;
    bool again;             /* the same bytes were there already */
    struct text latest_was; /* latest moved back from this version; absent: it did not */
};

/* A PUT of a publish document by who, whose right to write the name was judged before. */
struct publish_request {
    const struct identity *who;
    const struct pkgname *name;
    const char *tenant; /* id; NULL: the platform's scope */
    const struct json *doc;
};
/* All that is checked of such a document, and what would be stored of it; nothing is. For versions
 * that move here (move/move.h): the publisher is theirs, and the version is shown later. */
struct publish_checked {
    struct package_version v; /* publisher, publisher_id and source are given */
    struct text tarball;
};
int publish_check(struct registry *registry, struct pool *pool, const struct publish_request *req,
                  struct publish_checked *checked, struct err *err);
int publish_document(struct registry *registry, struct pool *pool,
                     const struct publish_request *req, struct publish_result *result,
                     struct err *err);
