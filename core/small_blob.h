/*
 * The small ones of a blob store: rows of one file of its own, so that one sync keeps what several
 * threads store at once, where a file each would cost two. Thread-safe. Inside core/ only.
 */
#pragma once

#include "core/blob.h"

#define SMALL_BLOB_MAX ((size_t)64 << 10)

struct db;

/* db_close ends it. */
struct db *small_blobs_open(const char *path, struct err *err);
/* id is the content's. Other bytes under that name are replaced. */
int small_blob_put(struct db *db, const struct blob_id *id, struct text content, struct err *err);
/* ERR_NOT_FOUND. */
int small_blob_get(struct db *db, const struct blob_id *id, struct pool *pool, struct text *content,
                   struct err *err);
/* As blobs_each, telling in *over that fn wants no more; nothing is held while fn runs. */
int small_blobs_each(struct db *db, blob_each fn, void *arg, bool *over, struct err *err);
/* Missing is success. */
int small_blob_remove(struct db *db, const struct blob_id *id, struct err *err);
