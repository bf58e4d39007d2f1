/*
 * Landlock: what the sandbox's mounts already say, said again by another part of the kernel, plus
 * no signals and no abstract sockets towards the outside. Clamped to what the running kernel knows.
 */
#pragma once

#include <stdbool.h>

struct err;
struct sandbox_spec;

/* Confines the calling process, inside its root. A kernel without Landlock: success, *active false.
 */
int landlock_confine(const struct sandbox_spec *spec, bool *active, struct err *err);
