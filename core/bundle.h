/*
 * Walks a .tgz or .zip safely, entry by entry, in memory, never unpacking to disk (libarchive).
 * Refused (ERR_UNPROCESSABLE, code "bad_bundle"): absolute names, "..", backslashes, control
 * characters, names that are not UTF-8 or stand twice, links, devices, sparse and encrypted files,
 * setuid bits, not gzip/zip, wrong checksums, empty, trailing garbage, more entries, bytes or ratio
 * than limits. All content is unpacked and checked, also what nobody asks for.
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;

enum bundle_format { BUNDLE_TGZ, BUNDLE_ZIP_OR_TGZ };

struct bundle_limits {
    size_t entries;       /* files and folders */
    uint64_t total_bytes; /* unpacked */
    uint64_t entry_bytes; /* one unpacked file */
    unsigned ratio;       /* unpacked : packed, judged once past 1 MiB */
};
extern const struct bundle_limits bundle_package_limits; /* 20,000; 512 MiB; 256 MiB; 200 */

struct bundle_entry {
    struct text name; /* checked; without a leading "./" or a folder's last "/" */
    uint64_t bytes;
    bool is_dir;
    bool is_executable;
};

/* Called for each entry, in order; what it learns counts only once bundle_walk succeeds. To see the
 * content ask bundle_content inside the call. Non-zero stops the walk with that error (err filled).
 */
struct bundle_walk;
typedef int bundle_entry_fn(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                            struct err *err);
int bundle_walk(struct text packed, enum bundle_format format, const struct bundle_limits *limits,
                bundle_entry_fn *fn, void *arg, struct err *err);
/* The current file's content, up to max bytes (more: ERR_TOO_LARGE). Once for each entry. */
int bundle_content(struct bundle_walk *walk, struct pool *pool, size_t max, struct text *out,
                   struct err *err);

/* Packs files into a .tgz (deterministic: mtime 0, owner 0), for tests, exports and bundles. */
struct bundle_file {
    const char *name;
    struct text content;
};
int bundle_pack_tgz(struct pool *pool, const struct bundle_file *files, size_t n, struct text *out,
                    struct err *err);
