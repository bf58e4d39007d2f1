/*
 * Everything that a set of public packages needs, resolved as npm would: for each range the tag
 * latest if it fits, else the highest version that does; dependencies, optional ones, and peers
 * that are not optional. Documents and tarballs come through the uplinks and are kept there. What
 * cannot be had is noted with its reason. Blocking, with threads of its own for what is fetched.
 */
#pragma once

#include "core/text.h"
#include "registry/offline/want.h"
#include "registry/pkgname.h"

#include <stdint.h>

struct err;
struct json_writer;
struct pool;
struct registry;

struct closure_version {
    struct text version, manifest; /* manifest as written in the document */
    bool deprecated;
    bool chosen;
    bool here;      /* its tarball is kept; after closure_fetch */
    uint64_t bytes; /* of the tarball */
    struct text why;
};

struct closure_package {
    struct pool *pool;
    struct pkgname name;
    struct text doc; /* full document; absent: see why */
    struct closure_version *all;
    size_t n;
    struct text why; /* why it is not here */
};

struct closure_note {
    struct text name, range, why;
};

struct closure {
    struct registry *registry;
    struct pool *pool;
    struct closure_package **all;
    size_t n, room, versions;
    struct closure_note *notes;
    size_t n_notes, notes_room;
    /* Told now and then: one sentence. NULL: nobody listens. */
    void (*progress)(void *arg, int percent, struct text step);
    void *arg;
};

void closure_init(struct closure *c, struct registry *registry, struct pool *pool);
void closure_release(struct closure *c);
/* ERR_TOO_LARGE past WANTS_MOST versions, or very many packages that are not there; ERR_UNAVAILABLE
 * "stopping". */
int closure_resolve(struct closure *c, const struct wants *wants, struct err *err);
/* All tarballs of what was chosen. */
int closure_fetch(struct closure *c, struct err *err);
/* Kept to be told; range cut off where it is long. */
void closure_note(struct closure *c, struct text name, struct text range, struct text why);
/* An array of objects: name, range, why. */
void closure_put_notes(const struct closure *c, struct json_writer *w);
