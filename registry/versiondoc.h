/*
 * The three documents that are stored of a version: what the full and the abbreviated body show of
 * it and its dist, none with an address in it. Pure.
 */
#pragma once

#include "core/json.h"
#include "core/text.h"

struct err;
struct manifest;
struct pkgname;
struct pool;

struct versiondoc {
    /* in */
    const struct pkgname *name;
    struct text version;
    const struct json *published;   /* the manifest that is published, or the package.json */
    const struct manifest *tarball; /* what the tarball says: it alone tells what is installed and
                                       run (dependencies, commands, scripts, engines, platforms) */
    struct text publisher;          /* user name, or the issuer of whom the package trusts */
    bool trusted;                   /* it is the latter */
    const unsigned char *sha512_sum, *sha1_sum;
    /* out, in the pool */
    struct text manifest, abbreviated, dist;
};

/* ERR_UNPROCESSABLE "bad_manifest" when it is too large. */
int versiondoc_make(struct pool *pool, struct versiondoc *doc, struct err *err);
