/*
 * The root folder of a sandbox: a small read-only tmpfs with the host's /usr (and /bin, /lib …), a
 * generated /etc, a minimal /dev, a private /proc, a bounded /tmp and what the spec mounts. For
 * sandbox.c.
 */
#pragma once

struct err;
struct sandbox_spec;

/* A detached copy of each mount of the spec, in trees[]. Called in the starter's mount namespace,
 * the only one in which its descriptors may be cloned. On failure none is left open. */
int rootfs_clone(const struct sandbox_spec *spec, int *trees, struct err *err);
/* Called in the new mount and pid namespaces, as root; ends with the new root entered. */
int rootfs_enter(const struct sandbox_spec *spec, const int *trees, struct err *err);
