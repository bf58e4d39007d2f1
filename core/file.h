/*
 * Our own file writes. What is acknowledged is synced: file, then its directory. Everything goes
 * through `struct file_ops`, so that the power-loss test can record each write, rename and sync.
 */
#pragma once

#include "core/text.h"

#include <sys/stat.h>
#include <sys/types.h>

struct buf;
struct err;
struct pool;

struct file_ops {
    int (*open)(int dir, const char *path, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *p, size_t n);
    int (*fsync)(int fd);
    int (*rename)(int from_dir, const char *from, int to_dir, const char *to);
    int (*link)(int from_dir, const char *from, int to_dir, const char *to, int flags);
    int (*unlink)(int dir, const char *path, int flags);
    int (*mkdir)(int dir, const char *path, mode_t mode);
    int (*truncate)(int fd, off_t size);
    int (*close)(int fd);
};
/* NULL restores the system's calls. Not thread-safe: set before any thread. */
void file_ops_set(const struct file_ops *replacement);

/* base + "/" + name; refuses "..", ".", empty parts, NUL and absolute names in name (ERR_INVALID).
 */
int file_join(struct pool *pool, const char *base, struct text name, const char **out,
              struct err *err);
/* Syncs the names it made; one that was there may be somebody else's who has not synced it yet. */
int file_mkdirs(const char *path, mode_t mode, struct err *err);
/* Whole content, refusing more than max and anything but a regular file; follows no last link. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);
/* Writes beside, fsyncs, renames over path, fsyncs the folder. */
int file_replace(const char *path, struct text content, mode_t mode, struct err *err);
/* Makes a file that must not exist yet, for writing. */
int file_create(const char *path, mode_t mode, int *fd, struct err *err);
/* Opens, or makes, the file `name` in the folder dir for reading and appending; follows no last
 * link. Its name is not synced. */
int file_append(int dir, const char *name, mode_t mode, int *fd, struct err *err);
void file_close(int fd); /* keeps errno; -1 is fine */
/* Missing is success. */
int file_unlink(const char *path, struct err *err);
/* Writes all of it or fails. */
int file_write_all(int fd, const void *p, size_t n, struct err *err);
int file_sync(int fd, const char *path, struct err *err); /* path: for the sentence */
/* Syncs fd, renames temp to path and syncs path's folder. Same file system. */
int file_publish(int fd, const char *temp, const char *path, struct err *err);
int file_sync_dir(const char *path, struct err *err);
/* Gives an existing file a second name beside others in the same file system and syncs that folder.
 * A name that is taken stays, which is success. */
int file_link(const char *from, const char *to, struct err *err);
int file_truncate(int fd, size_t size, const char *path, struct err *err);
/* Removes a tree without following links; missing is success. */
int file_remove_tree(const char *path, struct err *err);
