/*
 * How much a tenant may keep: bytes and number of the versions of its packages. Judged where a
 * version is written, so that publishes at once cannot go past it together.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct db_conn;
struct err;
struct pool;

struct quota {
    int64_t bytes, versions;         /* in use */
    int64_t max_bytes, max_versions; /* -1: any */
};
int quota_read(struct db_conn *conn, struct pool *pool, const char *tenant, struct quota *out,
               struct err *err);
/* -1: any. */
int quota_set(struct db_conn *conn, const char *tenant, int64_t max_bytes, int64_t max_versions,
              const char *by, struct err *err);
/* Is there room for one more version of so many bytes? tenant NULL: always. ERR_TOO_LARGE
 * "quota_bytes", ERR_FORBIDDEN "quota_versions", with use and limit. */
int quota_check(struct db_conn *conn, struct pool *pool, const char *tenant, int64_t bytes,
                struct err *err);
