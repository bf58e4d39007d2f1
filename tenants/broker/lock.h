/*
 * run/instances/ID.lock: root's file that a warden holds locked as long as it lives, with its pid
 * in it. It says whether an instance runs, also to a broker that did not start it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct broker;
struct err;

/* To be called in the broker itself, never in a helper, which inherits what it needs.
 * The locked file (for the warden to inherit), -1. ERR_CONFLICT "already_running" when it is held.
 */
int lock_take(struct broker *b, const char *id, struct err *err);
/* By the holder itself, before it executes the warden: also there when the broker is no more. */
void lock_write_pid(int fd, pid_t pid);
/* A pidfd of whoever holds it; -1: nobody. */
int lock_holder(struct broker *b, const char *id);
/* Calls fn for each instance that has a lock file. */
void lock_each(struct broker *b, void (*fn)(struct broker *b, const char *id));
void lock_remove(struct broker *b, const char *id);
