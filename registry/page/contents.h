/*
 * What a package holds, for those who look at it before they install it: its files, the nodes with
 * their look in the palette, plugins, themes, examples and icons. Read from the tarball in memory,
 * nothing is run or unpacked to disk.
 */
#pragma once

#include "core/text.h"

struct buf;
struct err;
struct pool;

#define CONTENTS_MAX_FILES 5000        /* that are listed; the others are only counted */
#define CONTENTS_MAX ((size_t)4 << 20) /* of the document */

/* The document of the API as JSON. ERR_UNPROCESSABLE "bad_bundle". */
int contents_read(struct pool *pool, struct text tarball, struct text *document, struct err *err);
/* One file of the tarball by its name below the package's folder. ERR_NOT_FOUND "file_not_found";
 * ERR_TOO_LARGE "file_too_large" past max. */
int contents_file(struct pool *pool, struct text tarball, struct text name, size_t max,
                  struct text *out, struct err *err);

/* How a file of a stranger is served on the portal's own host: images as what their bytes say they
 * are, text as text, all else as bytes to keep; nothing that a browser would run. */
struct contents_kind {
    const char *mime;
    bool image;
};
struct contents_kind contents_kind(struct text name, struct text bytes);
