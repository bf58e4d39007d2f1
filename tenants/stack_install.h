/*
 * The work of `stack add`, blocking, on the stack lane: the Node.js and npm to begin with are
 * unpacked in the sandbox from tarballs that the uplink verified; then that npm installs the lock
 * file in the sandbox, through our own registry.
 */
#pragma once

#include "core/text.h"

struct embedded;
struct err;
struct pool;
struct tenants;

struct stack_job {
    struct tenants *tenants;
    char name[48];
    char operation[27];
};
int stack_install(struct stack_job *job, struct err *err);

/* A package as a lock file pins it. */
struct stack_pin {
    struct text name, version, integrity;
};
struct stack_lock {
    struct stack_pin node, npm;
    struct text node_red; /* version */
};
int stack_lock_read(struct pool *pool, struct text name, struct stack_lock *out, struct err *err);

/* stack.c */
const struct embedded *stack_file(struct text name, const char *file);
int stack_set_state(struct tenants *tenants, struct text name, const char *state, const char *cause,
                    struct err *err);
int stack_set_versions(struct tenants *tenants, struct text name, struct text node_red,
                       struct text node, struct err *err);
