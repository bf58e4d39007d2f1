/*
 * The bytes of a file that does not change, held by all who send them: small ones in memory, larger
 * ones mapped, with the file open beside it. Refcounted, thread-safe. Inside http/ only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct content;
struct err;

/* Takes over fd, which must hold at least bytes and must not shrink. One reference is the caller's.
 * Blocks: reads what is small, reads ahead in what is not. */
struct content *content_open(int fd, uint64_t bytes, struct err *err);
struct content *content_hold(struct content *content);
void content_drop(struct content *content); /* NULL is fine */
const char *content_bytes(const struct content *content);
uint64_t content_len(const struct content *content);
/* What it costs: bytes in memory of its own. */
uint64_t content_memory(const struct content *content);
/* The open file; -1: it is in memory. */
int content_fd(const struct content *content);
/* Would reading [at, at + len) wait for the disk? */
bool content_is_cold(const struct content *content, uint64_t at, uint64_t len);
/* Brings some megabytes from at on into memory. Blocks. */
void content_read_ahead(const struct content *content, uint64_t at);
