/*
 * Which uid belongs to which instance: data/uids, one "UID ID" a line, synced before a uid is used,
 * only ever appended to, so that no uid is given twice. Jobs share a small range below the
 * instances'.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define UIDS_JOBS 256      /* uid_base … uid_base + 255 */
#define UIDS_SPAN 16777216 /* all uids of one data folder */

struct uids {
    /* below: not written by callers */
    int fd;
    uid_t base;
    struct uid_row *rows; /* in the file's order */
    size_t n, cap;
    uid_t next;
};

/* Reads dir/uids, making it; refuses a file that is not root's alone. A torn last line is cut off.
 */
int uids_open(struct uids *uids, int dir, uid_t base, struct err *err);
/* Never hands out a uid up to this one. */
void uids_skip(struct uids *uids, uid_t used);
bool uids_find(const struct uids *uids, const char *id, uid_t *uid);
/* The instance's uid, a new one the first time. */
int uids_give(struct uids *uids, const char *id, uid_t *uid, struct err *err);
void uids_close(struct uids *uids);
