/*
 * The uplinks and the rules that choose among them, as an immutable snapshot: rows of the control
 * database (registry/sql) and the one of the options, "default". For each public name exactly one
 * uplink, or none. Not for: whose a name is (origin.h decides that first; a private name never
 * comes here).
 */
#pragma once

#include "core/snapshot.h"
#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>

struct breaker;
struct err;
struct pool;
struct uplinks;

#define UPLINK_DEFAULT "default"
#define UPLINKS_MOST 32
#define UPLINK_RULES_MOST 500

struct uplink {
    const char *name;
    const char
        *url; /* without a slash at its end; NULL: nothing goes out, what is kept is served */
    const char *origin;        /* of url, as url.h writes it */
    const char *authorization; /* the header's value, a secret; NULL: none */
    const char *proxy;         /* NULL: the platform's */
    const char *no_proxy;
    struct text ca;           /* PEM; absent: the platform's */
    const char *const *hosts; /* further origins that tarballs and redirects may name, NULL-ended */
    int64_t timeout_ms;       /* without a byte, and to connect */
    int64_t fresh_ms, stale_ms;
    bool offline;
    struct breaker *breaker; /* lives as long as struct uplinks */
};

struct uplink_rule {
    struct text pattern;         /* lower case; '*' is any run */
    const struct uplink *uplink; /* NULL: blocked */
    struct text reason;          /* of a block; absent: none was given */
};

struct uplink_table {
    struct snapshot base;
    struct pool *pool;
    struct uplink *all; /* the default first */
    size_t n;
    struct uplink_rule *rules;
    size_t n_rules;
};

/* The one of name: of the first rule that fits, else the default, which may have no address.
 * ERR_FORBIDDEN "name_blocked" with the rule's reason. */
int uplink_choose(const struct uplink_table *table, struct text name, const struct uplink **out,
                  struct err *err);
const struct uplink *uplink_find(const struct uplink_table *table, struct text name);
/* May url be asked on behalf of the uplink: its own origin or one of its hosts? */
bool uplink_allows(const struct uplink *uplink, const char *origin);

/* Inside: reads rows and options into a new snapshot (one reference). */
struct uplink_table *uplink_table_read(struct uplinks *uplinks, struct err *err);
