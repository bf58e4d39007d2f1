/*
 * The bodies that clients read of a package of ours, put together from stored documents by
 * concatenation: nothing stored is parsed for a body but the manifest of latest, whose description,
 * author and so on are shown at the top. The public base comes in here and nowhere else. Not for:
 * public packages (uplink/body.h).
 */
#pragma once

#include "core/text.h"

struct buf;
struct db_conn;
struct err;
struct pkgname;
struct pool;

enum packument_form { PACKUMENT_FULL, PACKUMENT_ABBREVIATED };

#define PACKUMENT_MAX ((size_t)128 << 20)
#define MIME_JSON "application/json"
#define MIME_ABBREVIATED "application/vnd.npm.install-v1+json"

/* ERR_NOT_FOUND "package_not_found". base: "http://localhost:8080/npm". */
int packument_build(struct db_conn *conn, struct pool *pool, const char *base, struct text name,
                    enum packument_form form, struct text *body, struct err *err);
/* One version as it stands in the full form; which: a version or a tag. */
int packument_version(struct db_conn *conn, struct pool *pool, const char *base, struct text name,
                      struct text which, struct text *body, struct err *err);
/* {"latest":"1.0.0"} */
int packument_tags(struct db_conn *conn, struct pool *pool, struct text name, struct text *body,
                   struct err *err);
/* BASE/@acme/red-hello/-/red-hello-1.0.0.tgz, without quotes. */
void packument_tarball_url(struct buf *out, const char *base, const struct pkgname *name,
                           struct text version);
/* The version that a tarball of this package is called after; absent if file is no such name. */
struct text packument_tarball_version(const struct pkgname *name, struct text file);
