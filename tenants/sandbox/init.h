/*
 * Process 1 of a sandbox: builds the inside, starts the program, reaps, reports. For sandbox.c.
 */
#pragma once

struct sandbox_spec;

/* Runs in the cloned child; trees as rootfs_clone made them, control is its end
 * of the pair. Never returns. */
_Noreturn void init_run(const struct sandbox_spec *spec, const int *trees, int control);
