/* The tarball that a page is about: of a package of ours, or of a public one through the uplink;
 * mapped, not copied. */
#pragma once

#include "core/text.h"

struct asked;
struct call;
struct err;

struct page_tarball {
    struct text bytes;
    struct text etag;    /* hex of its hash, without quotes; in the call's pool */
    struct text version; /* a tag was resolved */
    int64_t id;          /* of the version's row; 0: a public package's */
};
/* which: a version or a tag. ERR_NOT_FOUND "version_not_found"; ERR_FORBIDDEN "policy": what may
 * not be had is not looked into either. page_tarball_close after use. */
int page_tarball_open(struct call *c, const struct asked *a, struct text which,
                      struct page_tarball *out, struct err *err);
void page_tarball_close(struct page_tarball *t); /* zeroed is fine */
#define auto_tarball __attribute__((cleanup(page_tarball_close)))
