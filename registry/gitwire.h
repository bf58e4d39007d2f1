/* The smart HTTP transport of libgit2 over core/fetch. Inside the git child only: one thread, one
 * remote. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct fetcher;

struct gitwire_config {
    struct fetcher *fetcher;
    const char *token; /* NULL: none; sent as Basic to the source's own host only */
    bool allow_private;
    int64_t deadline_ms; /* of one exchange */
    uint64_t max_bytes;  /* of all answers together */
};
/* Registers it for http and https. */
int gitwire_register(const struct gitwire_config *config, struct err *err);
