/*
 * Documents of public packages cut down and put together: the abbreviated form, chosen versions
 * alone, two documents of one package in one. What stands inside is copied as it came. Pure; never
 * reads past its input. ERR_UPSTREAM "bad_document" for what cannot be read.
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;

/* The abbreviated form of a full document, by the same rules as for packages of ours. */
int trim_abbreviate(struct pool *pool, struct text doc, struct text *out, struct err *err);
/* The document with the wanted versions alone, and with the times and tags of those. latest then
 * names the highest that is left if it named another one. */
typedef bool trim_wanted_fn(void *arg, struct text version);
int trim_versions(struct pool *pool, struct text doc, trim_wanted_fn *wanted, void *arg,
                  struct text *out, struct err *err);
/* a with the versions, times and tags of b that it does not have. ERR_CONFLICT "other_integrity"
 * when a version has different bytes in both. */
int trim_merge(struct pool *pool, struct text a, struct text b, struct text *out, struct err *err);
