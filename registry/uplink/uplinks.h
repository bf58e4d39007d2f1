/*
 * The caching uplinks: documents and tarballs of public packages, fetched once, kept as blobs,
 * served from here. Rules say which uplink a name comes from. Documents are good for a while
 * unasked, then for a while longer served at once and fetched anew behind the answer, then
 * revalidated by ETag first, and stale ones are served while the uplink is down. A tarball is kept
 * only when it is what its document promises. One fetch at a time for one thing; what is not there
 * is remembered for a while. Nothing of a client's request is sent on. Blocking: workers only, but
 * for uplinks_is_ready.
 */
#pragma once

#include "core/text.h"
#include "registry/packument.h"

#include <stdint.h>

struct blobs;
struct db;
struct err;
struct fetcher;
struct pkgname;
struct pool;
struct seal;
struct uplinks;

struct uplinks_config { /* texts are copied */
    struct db *control;
    struct blobs *blobs;
    struct fetcher *fetcher; /* NULL: nothing goes out */
    struct seal *seal;
    const char *url;        /* of the default uplink, "https://…"; NULL: none */
    const char *hosts;      /* of the default uplink: origins, separated by commas; NULL: none */
    const char *proxy;      /* the fetcher's, which an uplink without one uses; NULL: none */
    const char *public_url; /* ours, which no uplink may be */
    const char *spool_dir;
    int64_t fresh_ms, stale_ms, timeout_ms; /* of the default uplink */
    int64_t cache_bytes;                    /* ceiling of what is kept; 0: none */
    bool offline;                           /* nothing goes out */
    /* What was built of a name's documents must go; absent: of all names'. Any worker. */
    void (*changed)(void *arg, struct text name);
    void *arg;
};

struct uplinks *uplinks_open(const struct uplinks_config *config, struct err *err);
/* Whatever is asked from now on ends at once, as "stopping". */
void uplinks_stop(struct uplinks *uplinks);
bool uplinks_is_closing(const struct uplinks *uplinks);
void uplinks_close(struct uplinks *uplinks); /* NULL is fine */
/* After a commit that changed the uplinks or the rules: reads them anew, forgets what was known. */
int uplinks_reload(struct uplinks *uplinks, struct err *err);

/* May what was built of this document be served unasked? If it is stale it is fetched anew
 * meanwhile. Any thread. */
bool uplinks_is_ready(struct uplinks *uplinks, struct text name, enum packument_form form);
/* Brings the document up to date. ERR_NOT_FOUND "package_not_found", "offline"; ERR_FORBIDDEN
 * "name_blocked", "upstream_refused"; ERR_UPSTREAM, ERR_TIMEOUT or ERR_UNAVAILABLE when there is
 * nothing to serve either. */
int uplinks_refresh(struct uplinks *uplinks, struct text name, enum packument_form form,
                    struct err *err);
/* The document as the uplink gave it, in the pool; refresh first. When only the other form is here,
 * what can be made of that. */
int uplinks_document(struct uplinks *uplinks, struct pool *pool, struct text name,
                     enum packument_form form, struct text *doc, struct err *err);
/* An open blob: fetched and verified if it was not here. ERR_NOT_FOUND "file_not_found", "offline".
 */
struct uplink_file {
    int fd; /* the caller's to close */
    uint64_t bytes;
    struct text etag; /* quoted, in the pool */
};
int uplinks_tarball(struct uplinks *uplinks, struct pool *pool, const struct pkgname *name,
                    struct text file, struct uplink_file *out, struct err *err);
/* A tarball was served from memory. Any thread. */
void uplinks_used(struct uplinks *uplinks, struct text name, struct text file);
/* Forgets what is remembered of a name: it was claimed, or the claim was lifted. */
void uplinks_forget(struct uplinks *uplinks, struct text name);
/* Did a request with this Via header (absent: none) begin here, or does an answer with it come from
 * here? Any thread. */
bool uplinks_began(const struct uplinks *uplinks, struct text via);
/* Our mark in Via. */
const char *uplinks_via(const struct uplinks *uplinks);
/* Once a minute: what was used is noted, the ceiling is kept. */
void uplinks_keep_house(struct uplinks *uplinks);
