/*
 * The generated /etc of a sandbox: only what programs need to know about themselves. For rootfs.c.
 */
#pragma once

struct err;
struct sandbox_spec;

int etc_write(int root, const struct sandbox_spec *spec, struct err *err);
/* The host's time zone name from /etc/localtime ("Europe/Berlin"), "UTC" when it cannot be told. */
const char *etc_zone(char *out, unsigned n);
