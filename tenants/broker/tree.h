/*
 * Walks over folders that a hostile user filled, by descriptors, never following a link. Root only;
 * nobody else may still be writing in them. Blocking: for helper processes.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct err;

/* Removes dir/name and all below; missing is success. */
int tree_remove(int dir, const char *name, struct err *err);
/* ERR_TOO_LARGE "job_size" when there is more below dir than this. Others may be writing in it:
 * what cannot be looked at is passed over. */
int tree_measure(int dir, int64_t max_bytes, int64_t max_entries, struct err *err);
/* Gives all below and at dir to uid:gid, without setuid bits: the user may read and write it, the
 * group read, nobody else anything. Refuses what is neither file, folder nor link. */
int tree_give(int dir, uid_t uid, gid_t gid, struct err *err);
/* As tree_give to root, and nobody else may write; refuses links that lead outside or nowhere. */
int tree_harden(int dir, struct err *err);
