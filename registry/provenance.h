/*
 * Where a version comes from, as whoever published it attests: the Sigstore bundle that `npm
 * publish --provenance` sends beside the tarball. It is checked for its shape and for being about
 * this very tarball, stored and served; whether its certificate and log entry hold is the client's
 * to verify.
 */
#pragma once

#include "core/json.h"
#include "core/text.h"

struct blob_id;
struct db_conn;
struct err;
struct pkgname;
struct pool;

#define PROVENANCE_MAX ((size_t)1 << 20)

struct provenance {
    struct text bundle; /* JSON; absent: none */
    struct text media_type, predicate_type;
};
/* attachment: of the publish document; NULL: there is none. Pure; fuzzed with the document.
 * ERR_UNPROCESSABLE "bad_provenance", ERR_TOO_LARGE "provenance_too_large". */
int provenance_check(struct pool *pool, const struct json *attachment, const struct pkgname *name,
                     struct text version, const unsigned char *sha512_sum, struct provenance *out,
                     struct err *err);
/* Of a version that was added in the same transaction. */
int provenance_add(struct db_conn *conn, struct text package, struct text version,
                   const struct provenance *provenance, const struct blob_id *blob,
                   struct err *err);
