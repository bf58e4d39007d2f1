/*
 * A plain tar file of regular files with short names, as any tar program reads it: written in
 * order, read back strictly in place. Not for archives of others (bundle.h): what is not exactly
 * what is written here is refused.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct err;

#define TAR_NAME_MAX 99

/* The head of a file; its content of exactly so many bytes follows, then tar_pad. */
int tar_head(int fd, const char *name, uint64_t bytes, struct err *err);
int tar_pad(int fd, uint64_t bytes, struct err *err);
int tar_end(int fd, struct err *err);
int tar_file(int fd, const char *name, struct text content, struct err *err);

struct tar {
    struct text in;
    size_t at;
    struct text name, content; /* of the current file: views into in */
};
void tar_init(struct tar *t, struct text in);
/* 1: the next file; 0: the end, which is there; -1 ERR_UNPROCESSABLE "bad_bundle". Never reads past
 * in. */
int tar_next(struct tar *t, struct err *err);
