/*
 * Folders below data: opened by descriptors, never through a link, checked for whose they are.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct broker;
struct err;

struct folder_owner {
    uid_t uid;
    gid_t gid;
    mode_t mode;
    uid_t taken_from; /* root may take it from this one; 0: from nobody */
};

/* Opens dir/name, making it for the owner if it is missing; one that is another's is refused, but
 * root takes over what `init` gave the server. -1. */
int folder_make(int dir, const char *name, const struct folder_owner *owner, struct err *err);
/* Opens dir/name, no link, O_PATH not: usable for everything. -1; missing: ERR_NOT_FOUND. */
int folder_open(int dir, const char *name, struct err *err);
/* Opens dir/path, which may lead through links but never out of dir, as the kernel sees it.
 * resolve: RESOLVE_NO_SYMLINKS, or 0. -1 with errno. */
int folder_open_beneath(int dir, const char *path, int flags, uint64_t resolve);
bool folder_exists(int dir, const char *name);
/* All that the broker holds open. */
int folders_open(struct broker *b, struct err *err);
/* Opens an executable and refuses one that another than root could have written. */
int folder_open_program(const char *path, struct err *err);
/* Opens stacks/NAME after checking that its node, and all on the way to it, is root's alone. */
int folder_open_stack(struct broker *b, const char *name, struct err *err);
/* Opens a repository below the git_local folder; no link on the way. -1. */
int folder_open_repository(struct broker *b, const char *path, struct err *err);
/* Opens plugins/HASH: root's or the server's, nobody else's. */
int folder_open_plugins(struct broker *b, const char *hash, struct err *err);
