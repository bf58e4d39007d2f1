/* The table of subcommands and their help. Everything else is elsewhere. */
#include "core/err.h"
#include "registry/git_child.h"
#include "server/commands.h"
#include "server/unpack.h"

#include <stdio.h>
#include <string.h>

static const struct command own_commands[] = {
    {"init", "", "makes the data folder, the system user and the first admin", command_init},
    {"serve", "", "runs the server", command_serve},
    {"stop", "[--instances]",
     "ends the server of a data folder; with --instances its instances too", command_stop},
    {"routes", "", "prints the route tables", command_routes},
    {"options", "", "prints the option table", command_options},
    {"version", "", "prints the version", command_version},
};
#define N_OWN (sizeof(own_commands) / sizeof(own_commands[0]))

static const struct command *command_at(size_t i)
{
    if (i < N_OWN)
        return &own_commands[i];
    return i - N_OWN < n_client_commands ? &client_commands[i - N_OWN] : NULL;
}

/* How many of argv are the words of the command; 0: not this one. */
static int words_match(const char *words, int argc, char **argv)
{
    int n = 0;

    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        if (n >= argc || strlen(argv[n]) != len || strncmp(argv[n], words, len) != 0)
            return 0;
        n++;
        words += len;
        while (*words == ' ')
            words++;
    }
    return n;
}

static void help(FILE *out)
{
    fprintf(out, "redhouse %s: many Node-REDs, private nodes, one binary\n\n", REDHOUSE_VERSION);
    for (size_t i = 0; command_at(i) != NULL; i++)
        fprintf(out, "  redhouse %s %s\n      %s\n", command_at(i)->words, command_at(i)->args,
                command_at(i)->sentence);
    fprintf(out, "\nOptions: `redhouse options`, or docs/config.md.\n");
}

int command_fail(const struct err *err)
{
    fprintf(stderr, "redhouse: %s\n", err->text);
    return 1;
}

int main(int argc, char **argv)
{
    const struct command *best = NULL;
    int used = 0;

    if (argc == 2 && strcmp(argv[1], "git-fetch") == 0)
        return git_child_main();
    if (argc == 2 && strcmp(argv[1], "unpack") == 0)
        return unpack_main();
    for (size_t i = 0; command_at(i) != NULL; i++) {
        int n = words_match(command_at(i)->words, argc - 1, argv + 1);
        if (n > used) {
            used = n;
            best = command_at(i);
        }
    }
    if (best != NULL)
        return best->run(best, argc - 1 - used, argv + 1 + used);
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0))
        return command_version(NULL, 0, NULL);
    bool asked = argc > 1 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0);
    help(asked ? stdout : stderr);
    if (!asked && argc > 1)
        fprintf(stderr, "\nredhouse: there is no command \"%s\".\n", argv[1]);
    return asked ? 0 : 2;
}
