/*
 * Unpacks gzip members that lie in memory, block by block, checking their checksums (zlib). Bytes
 * after the last member that are no member are an error. For core/bundle.
 */
#pragma once

#include "core/text.h"

struct err;
struct gunzip;

/* The size of every block but the last. */
#define GUNZIP_BLOCK 65536

struct gunzip *gunzip_new(struct text packed);
/* The next block, which lives until the next call; empty at the end. ERR_UNPROCESSABLE
 * "bad_bundle". */
int gunzip_next(struct gunzip *g, struct text *block, struct err *err);
uint64_t gunzip_total(const struct gunzip *g); /* bytes given out so far */
void gunzip_free(struct gunzip *g);            /* NULL is fine */
