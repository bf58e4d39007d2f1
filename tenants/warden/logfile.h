/*
 * The log of one instance: node-red.log with a time before each line, rotated into node-red.log.1
 * to .4.
 */
#pragma once

#include "core/text.h"

#define LOGFILE_NAME "node-red.log"
#define LOGFILE_BYTES (4 << 20)
#define LOGFILE_OLD 4
#define LOGFILE_LINE 16384 /* what is longer is cut */

struct logfile {
    int dir; /* the owner's */
    /* below: not written by callers */
    int fd;
    int64_t bytes;
};

/* Opens lazily; a full disk loses lines, nothing else. */
void logfile_init(struct logfile *log, int dir);
void logfile_line(struct logfile *log, struct text line);
void logfile_close(struct logfile *log);
