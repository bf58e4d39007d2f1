/*
 * The data folder: its lock, its owner, its folders. `serve` and `init` hold the lock; the file
 * says who holds it.
 */
#pragma once

#include <sys/types.h>

struct err;

#define DATADIR_USER "redhouse"

/* Locks DATA/lock; "data_taken" names the holder's pid. *fd stays open as long as the lock is held.
 */
int datadir_lock(const char *data, int *fd, struct err *err);
/* The pid that holds the lock; 0: nobody. */
pid_t datadir_holder(const char *data);
/* Makes the system user if it is missing (root). */
int datadir_user(uid_t *uid, gid_t *gid, int create, struct err *err);
/* Makes the folders below DATA for that owner. */
int datadir_make(const char *data, uid_t uid, gid_t gid, struct err *err);
/* Becomes that user for good, keeping only the right to bind low ports. */
int datadir_drop(uid_t uid, gid_t gid, struct err *err);
