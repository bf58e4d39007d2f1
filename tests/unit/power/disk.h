/*
 * What a folder went through: names given and taken, bytes written, files and folders synced, in
 * order. Nodes are files and folders; the root is node 0, a name outside is node -1, for which all
 * calls do nothing. What lies in the folder at first counts as synced.
 *
 * The caller holds disk_lock around a change and its note, so that the log has the order in which
 * things happened.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;

enum disk_kind {
    DISK_NAME,   /* folder `node` has `name` for `child`; `was`: the name it had before in there */
    DISK_UNNAME, /* folder `node` has no `name` any more */
    DISK_WRITE,  /* `bytes` at `offset` of `node` */
    DISK_CUT,    /* `node` is `offset` bytes long */
    DISK_SYNC,   /* what was noted of `node` before `before` is safe */
};

struct disk_note {
    enum disk_kind kind;
    int node, child;
    char *name, *was, *bytes;
    uint64_t offset;
    size_t len, before;
};

struct disk *disk_new(const char *root);
void disk_free(struct disk *disk);
const char *disk_root(const struct disk *disk);
void disk_lock(struct disk *disk);
void disk_unlock(struct disk *disk);

/* How many notes there are. Takes the lock. */
size_t disk_position(struct disk *disk);
/* Where the recording began: before are the notes of what lay there. */
size_t disk_start(const struct disk *disk);
const struct disk_note *disk_note(const struct disk *disk, size_t index);
int disk_nodes(const struct disk *disk);
bool disk_is_folder(const struct disk *disk, int node);

/* Names as they are now. */
int disk_find(const struct disk *disk, int folder, const char *name);
/* The folder that holds path (absolute, or below `folder`) and its last part in *name; for the root
 * itself *name is NULL. */
int disk_resolve(const struct disk *disk, int folder, const char *path, const char **name);

/* Notes. */
int disk_make(struct disk *disk, int folder, const char *name, bool is_folder);
void disk_name(struct disk *disk, int folder, const char *name, int child);
void disk_unname(struct disk *disk, int folder, const char *name);
void disk_move(struct disk *disk, int from, const char *old, int to, const char *name);
void disk_write(struct disk *disk, int node, const void *p, size_t n, uint64_t offset);
void disk_cut(struct disk *disk, int node, uint64_t size);
void disk_sync(struct disk *disk, int node, size_t before);
