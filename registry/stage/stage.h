/*
 * Staged publishing: a version is handed in by a machine and waits, checked and visible to nobody
 * else, until a person approves it; then it goes down the funnel (publish.h), where its number is
 * reserved. It waits for 30 days. Not for: asking for the second factor (otp.h).
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct account_tenant;
struct blob_id;
struct call;
struct err;
struct identity;
struct json_writer;
struct pool;
struct publish_request;
struct publish_result;
struct registry;
struct snapshot;

struct stage {
    struct text id, package, tenant, version, tag, sha512, shasum, actor, actor_type;
    int64_t bytes, created_ms, expires_ms;
};

/* Checks a publish document as the funnel does and keeps it. Whether who may towards the name was
 * judged before. *id is the new UUID. Refuses as publish_document, also what is there already or
 * was removed, and whom the package's permissions do not let write (permission.h); ERR_TOO_MANY
 * "stage_full". body is what req->doc was read from. */
int stage_put(struct registry *registry, struct pool *pool, const struct publish_request *req,
              struct text body, struct text *id, struct err *err);

/* Who sees what is staged: whoever may publish or stage it. */
struct stage_asker {
    const struct identity *who;
    struct snapshot *accounts;
};
/* ERR_NOT_FOUND "stage_not_found". */
int stage_find(struct registry *registry, struct pool *pool, const struct stage_asker *asker,
               struct text id, struct stage *out, struct err *err);
/* Newest first. */
struct stage_page {
    struct text package, tenant; /* a name, an id; absent: all */
    int64_t from, most;
    /* below: filled */
    struct stage *items;
    size_t n;
    int64_t total;
};
int stage_list(struct registry *registry, struct pool *pool, const struct stage_asker *asker,
               struct stage_page *page, struct err *err);

/* Publishes it in the name of req->who; name and tenant of req are judged, doc is filled. Gone
 * afterwards; of a failure it stays. */
int stage_approve(struct registry *registry, struct pool *pool, const struct stage *stage,
                  struct publish_request *req, struct publish_result *result, struct err *err);
/* by rejects it, who may write the package: ERR_FORBIDDEN "not_owner", "not_granted". */
int stage_reject(struct registry *registry, struct pool *pool, const struct stage *stage,
                 const struct identity *by, struct err *err);
/* Its tarball. */
int stage_read(struct registry *registry, struct pool *pool, const struct stage *stage,
               struct text *tarball, struct err *err);
/* What waited too long, a few at a time. */
int stage_expire(struct registry *registry, struct err *err);
