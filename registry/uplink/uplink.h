/*
 * The caching uplink: documents and tarballs of public packages, fetched once, kept as blobs,
 * served from here. Documents are good for a while unasked, then revalidated by ETag, and stale
 * ones are served while the uplink is down. A tarball is kept only when it is what its document
 * promises. One fetch at a time for one thing; what is not there is remembered for a while. Nothing
 * of a client's request is sent on. Blocking: workers only, but for uplink_is_fresh.
 */
#pragma once

#include "core/text.h"
#include "registry/packument.h"

struct blobs;
struct db;
struct err;
struct fetcher;
struct pkgname;
struct pool;
struct uplink;

struct uplink_config {
    struct db *control;
    struct blobs *blobs;
    struct fetcher *fetcher;
    const char *url; /* "https://…", with or without a slash at the end */
    const char *spool_dir;
    int64_t fresh_ms;
};

struct uplink *uplink_open(const struct uplink_config *config);
void uplink_close(struct uplink *uplink); /* NULL is fine */

/* Was this document looked at lately, so that what was built of it may be served? Any thread. */
bool uplink_is_fresh(struct uplink *uplink, struct text name, enum packument_form form);
/* Brings the document up to date. *changed: what was built of it must go. ERR_NOT_FOUND
 * "package_not_found"; ERR_UPSTREAM or ERR_TIMEOUT when there is nothing to serve either. */
int uplink_refresh(struct uplink *uplink, struct text name, enum packument_form form, bool *changed,
                   struct err *err);
/* The document as the uplink gave it, in the pool; refresh first. */
int uplink_document(struct uplink *uplink, struct pool *pool, struct text name,
                    enum packument_form form, struct text *doc, struct err *err);
/* An open blob: fetched and verified if it was not here. ERR_NOT_FOUND "file_not_found". */
struct uplink_file {
    int fd; /* the caller's to close */
    uint64_t bytes;
    struct text etag; /* quoted, in the pool */
};
int uplink_tarball(struct uplink *uplink, struct pool *pool, const struct pkgname *name,
                   struct text file, struct uplink_file *out, struct err *err);
/* Forgets what is remembered of a name: it was claimed, or the claim was lifted. */
void uplink_forget(struct uplink *uplink, struct text name);
