/*
 * The commands that a package brings, by the "bin" and "directories.bin" of its package.json: a
 * JSON object of names to paths inside the package, in the one form to which npm's clients bring
 * the many that may be written. Pure.
 */
#pragma once

#include "core/json.h"
#include "core/text.h"

struct pool;

/* Of "bin"; base is the package's name without its scope, which a lone path is called by. Absent
 * when there are none. */
struct text commands_of_bin(struct pool *pool, const struct json *package_json, struct text base);
/* The folder whose files are commands because there is no "bin", without slashes at its ends;
 * absent when there is none. */
struct text commands_folder(struct pool *pool, const struct json *package_json);

struct commands_file {
    struct text path; /* inside the package */
    struct commands_file *next;
};
/* Whether this file of the package is a command of that folder. */
bool commands_in_folder(struct text folder, struct text path);
struct text commands_of_files(struct pool *pool, const struct commands_file *files);
