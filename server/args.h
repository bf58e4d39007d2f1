/*
 * The arguments of one command, taken apart by its usage, such as "NAME --user U [--json-lines]":
 * the words it needs, all of them and no more; flags of its own, with a value unless the usage
 * shows none; and the options of the table, which are only set aside. Flags may stand anywhere.
 */
#pragma once

#include "core/text.h"

struct command;
struct err;
struct pool;

#define ARGS_WORDS 4
#define ARGS_FLAGS 16

struct args {
    char *words[ARGS_WORDS];
    unsigned n_words;
    struct args_flag {
        struct text name; /* "--title" */
        char *value;      /* "" of a switch */
    } flags[ARGS_FLAGS];
    unsigned n_flags;
    char **options; /* for config_read, ended by NULL */
};

/* ERR_INVALID "usage" or "no_value". */
int args_read(struct args *args, struct pool *pool, const struct command *command, int argc,
              char **argv, struct err *err);
/* NULL: not given. */
char *args_flag(const struct args *args, const char *name);
