/*
 * What people and runtimes do to a data folder, through the code that serves them, each with its
 * promise; and how each promise is read back.
 */
#pragma once

#include "tests/unit/power/ledger.h"

#include "core/text.h"

#include <stdint.h>

struct err;
struct pool;
struct site;

/* One person: what they write is theirs alone, so that several can be busy at once. */
struct doer {
    struct site *site; /* the open one */
    struct ledger *ledger;
    uint64_t chance;
    char name[16];
    bool gives_uids; /* the broker has one thread */
    unsigned done, instances, revisions;
    unsigned users; /* one at most: a password's hash is slow on purpose */
    bool has_instance;
    char instance[32], tenant[32], package[64], version[32];
};

/* Does something by chance. -1: it failed, err says why. */
int deed(struct doer *doer, struct err *err);
/* What the site says of a key, in the pool. NULL and err when it cannot say or what it has is torn.
 */
const char *deed_read(struct site *site, struct pool *pool, const char *key, struct err *err);
/* Is every blob that is there or that a row names whole, and every database sound? */
int deed_inspect(struct site *site, struct err *err);
/* sha256 of bytes as hex. */
const char *deed_sum(struct pool *pool, struct text bytes);
