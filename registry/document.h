/*
 * The documents that clients PUT to a package: reads them, tells which of npm's purposes is meant,
 * checks all that can be checked without the database and decodes the tarball. Pure; fuzzed.
 */
#pragma once

#include "core/json.h"
#include "core/text.h"
#include "registry/pkgname.h"

struct err;
struct pool;

enum document_kind {
    DOCUMENT_PUBLISH,  /* has _attachments */
    DOCUMENT_VERSIONS, /* versions without attachments: deprecate, or unpublish when PUT to -rev */
    DOCUMENT_OWNERS,   /* maintainers and no versions */
    DOCUMENT_STARS,    /* users and no versions */
    DOCUMENT_OTHER,
};

/* An object, without "__proto__" at its upper levels. ERR_INVALID "bad_json". */
int document_read(struct pool *pool, struct text body, struct json **out, struct err *err);
enum document_kind document_kind(const struct json *doc);

struct document_publish {
    struct pkgname name;
    struct text version;
    const struct json *manifest; /* versions[version] */
    const struct json *tags;     /* checked; each names version */
    struct text readme;          /* of the manifest or of the top; absent: none */
    struct text readme_name;
    struct text tarball;   /* decoded, in the pool */
    struct text integrity; /* what the client promises of it; absent: nothing */
    struct text shasum;
    const struct json *provenance; /* its attachment; NULL: none */
};

/* name: as in the address. ERR_UNPROCESSABLE "bad_document", "wrong_name", "bad_version",
 * "bad_tag"; ERR_TOO_LARGE "tarball_too_large". */
int document_publish(struct pool *pool, const struct json *doc, const struct pkgname *name,
                     size_t max_tarball, struct document_publish *out, struct err *err);
/* Compares what was promised with the hashes of what came: every sha512 and sha1 that is named must
 * be right and one must be there. ERR_UNPROCESSABLE "bad_integrity". */
int document_check_promise(struct pool *pool, struct text integrity, struct text shasum,
                           const unsigned char *sha512_sum, const unsigned char *sha1_sum,
                           struct err *err);
