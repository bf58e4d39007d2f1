/*
 * The blob store: bytes named by their sha512. Small ones (64 kB) are rows of data/blobs/small.db,
 * larger ones write-once files data/blobs/sha512/ab/REST, as older stores have them of any size. A
 * blob is there whole or not at all. The name is what the content is, never what a client called
 * it. Thread-safe. Blocking: for workers and start-up only.
 */
#pragma once

#include "core/digest.h"
#include "core/text.h"

struct blobs;
struct err;
struct pool;

struct blob_id {
    unsigned char sha512[SHA512_BYTES];
};

/* Makes the folders; removes left-over temporary files. */
struct blobs *blobs_open(const char *dir, struct err *err);
void blobs_close(struct blobs *blobs);
void blobs_quiet(struct blobs *blobs); /* as db_quiet */

/* On disk when it returns 0; what is there by that name is kept or, where it can be seen to be
 * damaged, replaced. */
int blob_put(struct blobs *blobs, struct text content, struct blob_id *id, struct err *err);

/* An open descriptor (caller closes), of a small one to a copy in memory, and the size.
 * ERR_NOT_FOUND. */
int blob_open(struct blobs *blobs, const struct blob_id *id, int *fd, uint64_t *bytes,
              struct err *err);
/* All of it, in the pool. ERR_NOT_FOUND; ERR_TOO_LARGE "too_large" if there are more than most
 * bytes. */
int blob_read(struct blobs *blobs, const struct blob_id *id, size_t most, struct pool *pool,
              struct text *out, struct err *err);
struct text blob_hex(struct pool *pool, const struct blob_id *id);
bool blob_from_hex(struct text hex, struct blob_id *id);
/* "sha512-…" as in package.json's dist.integrity. */
struct text blob_integrity(struct pool *pool, const struct blob_id *id);

/* Who stores bytes and then says in the database that they are needed holds the store from before
 * blob_put until that is committed: nothing is removed meanwhile. Held for as short as that, not
 * twice by one thread. */
struct blobs *blobs_hold(struct blobs *blobs);
void blobs_let_go(struct blobs *blobs); /* NULL is fine */
static inline void auto_hold_fn(struct blobs **held)
{
    blobs_let_go(*held);
}
#define auto_hold __attribute__((cleanup(auto_hold_fn), unused)) /* held for its end alone */
/* Says of a blob whether it is needed. An error keeps it. */
typedef int (*blob_needed)(void *arg, const struct blob_id *id, bool *needed, struct err *err);
/* Everybody who keeps names of blobs answers from then on, before one is removed; at start only. */
void blobs_ask(struct blobs *blobs, blob_needed needed, void *arg);
/* Does anybody need it? Without holding: true may have become false meanwhile, and the other way.
 */
int blob_is_needed(struct blobs *blobs, const struct blob_id *id, bool *needed, struct err *err);
/* Tells of each blob that is there, in no order, its size and when its bytes came (wall ms), until
 * fn returns false. What comes or goes meanwhile is told or not; what an older store has as a file
 * and a newer one as a row too is told twice. */
typedef bool (*blob_each)(void *arg, const struct blob_id *id, uint64_t bytes, int64_t stored_ms);
int blobs_each(struct blobs *blobs, blob_each fn, void *arg, struct err *err);
/* Removes its bytes unless somebody needs it; missing is success. Waits for those who hold. */
int blob_remove(struct blobs *blobs, const struct blob_id *id, struct err *err);
