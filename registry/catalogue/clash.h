/* Node types that two packages of one catalogue register, or one and Node-RED itself ("node-red"):
 * Node-RED loads only the first of them. */
#pragma once

#include "core/text.h"

struct db_conn;
struct err;
struct json_writer;
struct pool;
struct registry;

struct clash_query {
    struct text name; /* of the package */
    const char
        *tenant; /* whose it is (id); NULL: the platform's scope, compared with what all see */
    struct text types; /* JSON array */
};
/* [{"type","package"}], at most 50. */
int clash_json(struct json_writer *w, struct db_conn *conn, const struct clash_query *query,
               struct err *err);
/* A sentence for who published name@version; absent: nothing to say. */
struct text clash_notice(struct registry *registry, struct pool *pool, const char *tenant,
                         struct text name, struct text version);
