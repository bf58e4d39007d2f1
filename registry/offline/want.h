/*
 * What somebody wants in a bundle, read from what they have: a list of names, a package.json, or a
 * lock file of npm, pnpm, yarn 1 or yarn berry. Which it is, is told by its content. Pure.
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;

struct want {
    struct text name;
    struct text range; /* a version, a range or a tag; empty: latest */
};
struct wants {
    struct want *all;
    size_t n;
    bool locked; /* each is one version, and all that they need is among them */
};

#define WANTS_MOST 20000

/* ERR_UNPROCESSABLE "bad_list" says what was expected and where it was not; names that come from
 * elsewhere (git, files, links) are left out and counted. */
int want_read(struct pool *pool, struct text content, struct wants *out, size_t *elsewhere,
              struct err *err);
/* "name@range", "@scope/name@range", "name". False: neither. */
bool want_cut(struct text spec, struct want *out);
/* Does the range lead away from registries: git, file, link, workspace, an address? */
bool want_is_elsewhere(struct text range);
