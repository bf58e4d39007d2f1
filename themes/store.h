/* A theme's rows and files. */
#pragma once

#include "themes/theme.h"

struct themes;

/* The area, as its own files see it. */
#include "themes/themes.h"
struct themes {
    struct themes_config config;
};

/* The layers for a tenant (id; "" or NULL: only the platform): own (may be absent: text.base NULL)
 * and platform. */
struct layers {
    struct theme own, platform;
};
int store_layers(struct themes *themes, struct pool *pool, const char *tenant, struct layers *out,
                 struct err *err);
/* Replaces a theme; tenant "" is the platform. The files' content becomes blobs before the rows are
 * written. */
int store_put(struct themes *themes, struct pool *pool, const char *tenant, struct theme *theme,
              struct err *err);
int store_remove(struct themes *themes, const char *tenant, struct err *err);
/* First of own, platform that has the member; NULL if none. */
const struct json *layers_get(const struct layers *layers, const char *path,
                              const struct theme **whose);
