/*
 * Between the program and the file system: our own file operations (core/file.h) and SQLite's
 * default VFS, both noting on a disk what they did. Nothing is noted while no disk is set. One
 * recording at a time in a process; its threads may be many.
 */
#pragma once

#include <stdbool.h>

struct disk;

/* Syncs that are done but not noted, as if the program had left them out. */
enum record_deaf {
    DEAF_FILES = 1,      /* fsync of our own files */
    DEAF_FOLDERS = 2,    /* fsync of folders by us */
    DEAF_WAL = 4,        /* of SQLite's write-ahead logs */
    DEAF_DATABASES = 8,  /* of SQLite's main files */
    DEAF_WAL_NAMES = 16, /* of the folder of a new log or database */
};

/* Makes the recording VFS SQLite's default. Once a process, before any database is opened. */
void record_install(void);
/* NULL ends it. slow: each sync of SQLite takes a moment, so that commits meet. */
void record_to(struct disk *disk, unsigned deaf, bool slow);
