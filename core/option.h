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

enum option_type { OPTION_TEXT, OPTION_PATH, OPTION_INT, OPTION_BOOL, OPTION_DURATION_MS, OPTION_BYTES };

struct option {
    const char *name; /* "idle-after": flag --idle-after, REDHOUSE_IDLE_AFTER, file key idle-after */
    enum option_type type;
    int64_t min, max;         /* bounds of numbers; lengths of text */
    const char *preset;       /* default, as text; NULL: must be given or stays absent */
    const char *unit;         /* shown in docs; NULL if none */
    const char *sentence;     /* for docs and --help */
    size_t offset;            /* in the caller's struct: const char * for text and path, int64_t, bool */
};

/* Fills *out from the presets, then file (may be NULL), environ, argv. argv holds only flags
 * ("--name value", "--name=value", "--flag"); the first argument that is not a flag ends it and its
 * index is stored in *rest. Texts live in the pool. */
int option_read(const struct option *table, size_t n, void *out, struct pool *pool,
                const char *file, char **argv, int *rest, struct err *err);
/* "key = value" lines, '#' comments: what option_read does with a file's content (fuzzed). */
int option_parse_file(const struct option *table, size_t n, void *out, struct pool *pool,
                      struct text content, struct err *err);
/* The table as markdown rows, for `redhouse options` and docs/config.md. */
void option_describe(const struct option *table, size_t n, struct buf *out);
