/*
 * Which packages an instance has, in which versions: its runtime tells (docs/runtime.md), the API
 * shows it to those who may see the instance, and the other areas ask who uses a package. What is
 * told is a tenant's word: checked in form, bounded, and never more than a report.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct err;
struct json;
struct pool;
struct router;
struct tenants;

#define MODULES_MAX 2000     /* of one instance */
#define MODULE_TYPES_MAX 500 /* of one package */

struct module {
    struct text name, version;
    struct text pending_version; /* absent: none */
    struct text types;           /* JSON array of texts */
    bool direct;
};
/* Reads one entry of a report; types stay as they stood in it. ERR_UNPROCESSABLE "bad_module". */
int module_read(const struct json *item, struct module *out, struct err *err);

/* One instance that has the package. Texts live in the pool that was given. */
struct module_user {
    struct text package;
    struct text instance, tenant; /* slug; id */
    struct text version, pending_version;
    bool direct;
};
/* Calls each for the instances that have the package until it returns false, in the order of slugs;
 * at most `limit`. package absent: all packages, in the order of names and versions. tenants: a
 * JSON array of the ids of those that may be shown; absent: all. */
struct module_query {
    struct db_conn *conn; /* of the control database; NULL: a reader of its own */
    struct text package, tenants;
    int64_t limit;
    bool (*each)(void *arg, const struct module_user *user);
    void *arg;
};
int module_users(struct tenants *tenants, struct pool *pool, const struct module_query *query,
                 struct err *err);

int module_routes(struct tenants *tenants, struct router *router, struct err *err);
