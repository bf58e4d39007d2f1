/* The settings document of an instance (docs/runtime.md): the members that are no secret. What a
 * start adds to them is launch.c's. */
#pragma once

#include "core/json.h"

struct instance;
struct pool;
struct tenants_config;

/* Members of an open object; theme is JSON. */
void document_put(struct json_writer *w, struct pool *pool, const struct tenants_config *config,
                  const struct instance *row, struct text theme);
