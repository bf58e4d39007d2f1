/* A download into a file, which goes on where it was cut off: several tries before one deadline. */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct err;
struct pool;
struct uplink;
struct uplinks;

struct uplink_download {
    const char *url;
    int fd; /* empty at first */
    int64_t deadline_at;
    /* out */
    uint64_t bytes;   /* in the file, from its start */
    bool resumed;     /* it came in pieces, so that one who finds it wrong may ask once more */
    struct text body; /* the caller's, for what it makes of it */
    /* below: not for callers */
    uint64_t asked;      /* where this try began */
    bool begun;          /* this try's status was looked at */
    bool wanted;         /* and its body belongs into the file */
    char validator[256]; /* a strong ETag or a date, for If-Range; empty: none */
    int64_t rest_ms;     /* that the uplink asked for */
};
/* The whole body of url in fd. ERR_NOT_FOUND "file_not_found", else as uplink_send. */
int uplink_download(struct uplinks *uplinks, const struct uplink *uplink, struct pool *pool,
                    struct uplink_download *d, struct err *err);
