/*
 * What is left of a folder after the power went. Synced bytes and names are there. Of the rest:
 * each 512-byte sector holds what it was at some moment since the last sync; a file has the length
 * of some such moment, and what was cut off does not come back behind it; a folder has its names of
 * some such moment. Nothing orders one file or folder against another.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct disk;
struct platter;

#define PLATTER_SECTOR 512

struct power_loss {
    size_t at;      /* notes that happened before it */
    uint64_t seed;  /* of what is left of the rest */
    unsigned keeps; /* how much, of 100; 0: nothing, 100: all, as if only the process had died */
};

struct platter *platter_new(const struct disk *disk);
void platter_free(struct platter *platter);
/* Writes what is left into the folder `to`, which is made anew. Points of one platter must rise. 0,
 * or -1 when `to` cannot be written. */
int platter_rebuild(struct platter *platter, const struct power_loss *loss, const char *to);
