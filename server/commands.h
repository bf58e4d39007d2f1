/* The subcommands: `redhouse WORD…`. Each gets the arguments after its words and returns the exit
 * status. */
#pragma once

struct command {
    const char *words; /* "instance create" */
    const char *args;  /* "TENANT/SLUG" */
    const char *sentence;
    int (*run)(const struct command *command, int argc, char **argv);
};

/* Those that need no server. */
int command_init(const struct command *command, int argc, char **argv);
int command_serve(const struct command *command, int argc, char **argv);
int command_stop(const struct command *command, int argc, char **argv);
int command_routes(const struct command *command, int argc, char **argv);
int command_options(const struct command *command, int argc, char **argv);
int command_version(const struct command *command, int argc, char **argv);
/* Those that talk to one (client.c): one table of their own. */
extern const struct command client_commands[];
extern const unsigned n_client_commands;

/* Prints "redhouse: SENTENCE" and returns 1. */
struct err;
int command_fail(const struct err *err);
