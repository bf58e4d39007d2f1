/* What the files of this folder share. Not for others: they include uplink.h. */
#pragma once

#include "registry/uplink/uplink.h"

struct flights;

struct uplink {
    struct uplink_config config; /* texts owned */
    char *base;                  /* the address without a slash at the end */
    struct flights *flights;
};

/* A whole file as a view that lives as long as the pool. */
int uplink_map(struct pool *pool, int fd, uint64_t bytes, struct text *out, struct err *err);
