/*
 * What a tarball says about itself: its package.json, README, sizes, install scripts and, for
 * Node-RED packages, the node types. Everything is read in memory under limits; nothing is unpacked
 * to disk. Called by the funnel only (publish.h).
 */
#pragma once

#include "core/json.h"
#include "core/text.h"

struct err;
struct pool;

struct manifest {
    const struct json *doc;    /* package.json */
    struct text name, version; /* of package.json; the version is strict semver */
    struct text readme;        /* absent when there is none */
    struct text readme_name;
    size_t files;
    uint64_t unpacked_bytes;
    bool install_script; /* pre-, post- or install, or a binding.gyp that implies one */
    bool shrinkwrap;
    struct text commands; /* JSON object of names to paths (commands.h); absent when none */
    bool node_red;        /* has a node-red section */
    struct text
        node_red_version; /* the range of Node-RED it asks for; absent when it does not say */
    struct text types;    /* JSON array of node types, "[]" when none */
};

/* ERR_UNPROCESSABLE: "bad_bundle", "bad_manifest". Texts live in the pool or in tarball. */
int manifest_read(struct pool *pool, struct text tarball, struct manifest *out, struct err *err);
