/*
 * Bundles for sites without internet: one file with everything that a set of public packages needs,
 * made here and taken in there. The file is a tar (core/tar.h): redhouse-bundle.json, which names
 * all else; for each package its tarballs and its document, cut down to their versions.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct closure;
struct err;
struct json_writer;
struct offline;
struct pool;
struct registry;

#define BUNDLE_INDEX "redhouse-bundle.json"
#define BUNDLE_FORMAT 1

struct offline *offline_new(struct registry *registry);
/* Waits for what is under way; uplinks_stop before. NULL is fine. */
void offline_free(struct offline *offline);

/* Inside: writes the bundle of a closure whose tarballs are kept. */
struct pack_sums {
    int64_t packages, versions, bytes;
};
int pack_write(struct closure *c, struct pool *pool, int fd, struct pack_sums *sums,
               struct err *err);

/* Verifies the whole bundle, then keeps it, package by package: what is here already is passed
 * over, so that who was cut off begins again. The report goes to w as an object. ERR_UNPROCESSABLE
 * "bad_bundle" says what is wrong, and then nothing of it was kept. */
int unpack_bundle(struct registry *registry, struct pool *pool, struct text bundle,
                  struct json_writer *w, struct err *err);
