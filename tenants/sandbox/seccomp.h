/*
 * The system calls that nothing in a sandbox needs and that have opened kernels before: mounting,
 * namespaces, tracing, io_uring, bpf, keys, odd socket families … (engines that run Node.js
 * untouched).
 */
#pragma once

struct err;

/* Filters the calling process and all it starts. */
int seccomp_confine(struct err *err);
