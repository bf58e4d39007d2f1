/* The subcommands: `redhouse WORD…`. Each gets the arguments after its words and returns the exit
 * status. Every one takes --json and then prints one JSON document, or one a line while it follows
 * something. */
#pragma once

#include <stdbool.h>

struct ask;
struct buf;
struct err;

struct command {
    const char *words; /* "instance create" */
    const char *args;  /* "TENANT/SLUG [--stack NAME]" */
    const char *sentence;
    int (*run)(const struct command *command, int argc, char **argv);
    /* With run = ask_run (ask.h), which reads the words and flags by what args says. */
    int (*ask)(struct ask *ask, struct err *err);
    const char *columns; /* of what is printed without --json: "slug,name" */
};

/* Those that need no server. */
int command_init(const struct command *command, int argc, char **argv);
int command_serve(const struct command *command, int argc, char **argv);
int command_stop(const struct command *command, int argc, char **argv);
int command_routes(const struct command *command, int argc, char **argv);
int command_options(const struct command *command, int argc, char **argv);
int command_version(const struct command *command, int argc, char **argv);
int command_help(const struct command *command, int argc, char **argv);
/* Those that talk to one: one table of their own. */
extern const struct command client_commands[];
extern const unsigned n_client_commands;

/* Prints "redhouse: SENTENCE" and returns 1. */
int command_fail(const struct err *err);
/* Prints the document and ends the line; 0, or 1 with a sentence when it did not fit its buffer. */
int command_print(const struct buf *json);
/* Of commands that take --json and nothing else: was it given? -1: something else was, and a
 * sentence was printed. */
int command_wants_json(const struct command *command, int argc, char **argv, bool *json);
