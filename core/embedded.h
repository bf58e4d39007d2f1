/* A file baked into the binary by cmake/embed.c. Arrays end with a NULL name. */
#pragma once

#include <stddef.h>

struct embedded {
    const char *name; /* path relative to the embedded folder */
    const unsigned char *bytes;
    size_t len;
};
