/*
 * The option table: one row gives flag, environment name, file key, type, bounds, default, unit and
 * the sentence in the docs. Order of strength: default, file, environment, flag. Unknown keys are
 * errors. Secrets come from files named by options, never from flags.
 */
#pragma once

#include "core/text.h"

struct buf;
struct err;
struct pool;

enum option_type {
    OPTION_TEXT,
    OPTION_PATH,
    OPTION_INT,
    OPTION_BOOL,
    OPTION_DURATION_MS,
    OPTION_BYTES
};

struct option {
    /* "idle-after": flag --idle-after, environment REDHOUSE_IDLE_AFTER, file key idle-after */
    const char *name;
    enum option_type type;
    int64_t min, max;     /* bounds of numbers, in ms or bytes where those are meant; lengths of
                             text; both 0: none */
    const char *preset;   /* default, as text; NULL: the caller's struct keeps what it has */
    const char *unit;     /* shown in docs; NULL if none */
    const char *sentence; /* for docs and --help */
    size_t offset; /* in the caller's struct: const char * for text and path, int64_t, bool */
};

/* Fills *out from the presets, then file (may be NULL), environ, argv. argv holds only flags
 * ("--name value", "--name=value", "--flag"), ended by NULL; the first argument that is not a flag
 * ends it ("--" does too); returns its index, or -1. Texts live in the pool, which must
 * outlive *out. ERR_INVALID "bad_option" or "unknown_option"; *out is touched only when all is
 * well. Variables of the environment that no row names are not looked at, since other programs
 * share the prefix. */
int option_read(const struct option *table, size_t n, void *out, struct pool *pool,
                const char *file, char **argv, struct err *err);
/* "key = value" lines, '#' comments: what option_read does with a file's content (fuzzed). */
int option_parse_file(const struct option *table, size_t n, void *out, struct pool *pool,
                      struct text content, struct err *err);
/* The table as a markdown table, for `redhouse options` and docs/config.md. */
void option_describe(const struct option *table, size_t n, struct buf *out);
