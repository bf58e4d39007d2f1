/*
 * A theme: a checked theme.json and the files that came with it. Layers: platform, tenant; what a
 * tenant leaves out comes from the platform, what that leaves out from the product.
 *
 * theme.json: {"tokens": {"light": {NAME: VALUE}, "dark": {…}}, "page": {"title"}, "header":
 * {"title", "image", "url"}, "favicon": FILE, "login": {"image", "message"}, "palette":
 * {"categories": [..], "theme": [{"category","type","color"}]}, "deployButton": {"label"}, "menu":
 * {"menu-item-…": false}, "codeEditor": {"theme"}, "css": FILE}. Unknown members are errors, so
 * that a typing mistake is told.
 */
#pragma once

#include "core/text.h"

struct err;
struct json;
struct pool;

#define THEME_MAX_FILES 64
#define THEME_MAX_FILE_BYTES (8u << 20)
#define THEME_MAX_BYTES (16u << 20)
#define THEME_MAX_DOCUMENT (256u << 10)

struct theme_file {
    struct text name, type, sha512;
    struct text content; /* while it is taken in; else absent */
    int64_t bytes;
};

struct theme {
    struct text version;
    struct text text;            /* of theme.json */
    const struct json *document; /* parsed text */
    struct theme_file *files;
    size_t n_files;
    int64_t updated_at;
};

/* Judges a document against the files that are there. "bad_theme", "bad_token", "missing_file". */
int theme_check(const struct theme *theme, struct err *err);
/* Reads theme.json, or a bundle (.zip, .tgz) that holds one, into the pool; judged. "bad_bundle",
 * "bad_image", "file_too_large", "bad_css". */
int theme_parse(struct pool *pool, struct text bytes, struct theme *out, struct err *err);
const struct theme_file *theme_file(const struct theme *theme, struct text name);
/* True for images that are safe on the platform's own origin when served as images. */
bool theme_is_image(struct text type);
