/*
 * What is kept of the uplinks: rows that name blobs, the least recently used of which go when all
 * together are larger than the ceiling. What came in a bundle stays. Not for: asking for anything.
 */
#pragma once

#include "core/blob.h"
#include "core/text.h"
#include "registry/packument.h"

struct err;
struct pool;
struct uplinks;

extern const char *const store_forms[]; /* "full", "abbreviated" */

struct stored {
    struct blob_id id;
    struct text etag;
    int64_t checked_ms;
    bool kept; /* came in a bundle */
};
/* Both of one uplink only: what another gave under the same name is not this. */
bool store_find_document(struct uplinks *uplinks, struct pool *pool, const char *uplink,
                         struct text name, enum packument_form form, struct stored *out);
bool store_find_tarball(struct uplinks *uplinks, struct pool *pool, const char *uplink,
                        struct text name, struct text file, struct stored *out);

struct store_document {
    const char *uplink;
    struct text name;
    enum packument_form form;
    struct text etag, body;
    bool kept;
};
/* The bytes of the document before it go when nobody else needs them. */
int store_put_document(struct uplinks *uplinks, struct pool *pool, const struct store_document *d,
                       struct err *err);
/* The uplink stands by what is here. */
int store_confirm_document(struct uplinks *uplinks, struct text name, enum packument_form form,
                           struct err *err);
int store_put_tarball(struct uplinks *uplinks, const char *uplink, struct text name,
                      struct text file, struct text tarball, bool kept, struct err *err);

struct store_sums {
    int64_t documents, tarballs, bytes, kept_bytes;
};
int store_sum(struct uplinks *uplinks, struct pool *pool, struct store_sums *out, struct err *err);
/* Notes what flights say was used. */
int store_note_used(struct uplinks *uplinks, struct err *err);
/* Brings what is kept below the ceiling. Returns how many rows went, or -1. */
int store_evict(struct uplinks *uplinks, struct err *err);
