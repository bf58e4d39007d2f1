/* The table of subcommands and their help. Everything else is elsewhere. */
#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"
#include "registry/git_child.h"
#include "server/commands.h"
#include "server/unpack.h"

#include <stdio.h>
#include <string.h>

static const struct command own_commands[] = {
    {.words = "init",
     .args = "--admin NAME --password-file FILE [--uplink URL]",
     .sentence = "makes the data folder, the system user and the first admin",
     .run = command_init},
    {.words = "serve", .args = "", .sentence = "runs the server", .run = command_serve},
    {.words = "stop",
     .args = "[--instances]",
     .sentence = "ends the server of a data folder; with --instances its instances too",
     .run = command_stop},
    {.words = "routes", .args = "", .sentence = "prints the route tables", .run = command_routes},
    {.words = "options", .args = "", .sentence = "prints the option table", .run = command_options},
    {.words = "version", .args = "", .sentence = "prints the version", .run = command_version},
    {.words = "help", .args = "", .sentence = "prints the commands", .run = command_help},
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
        fprintf(out, "  redhouse %s%s%s\n      %s\n", command_at(i)->words,
                command_at(i)->args[0] != '\0' ? " " : "", command_at(i)->args,
                command_at(i)->sentence);
    fprintf(out, "\nOptions: `redhouse options`, or docs/config.md.\n");
}

static void help_json(struct json_writer *w)
{
    json_open(w);
    json_key(w, "items");
    json_open_array(w);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        json_open(w);
        json_put_str(w, "words", command_at(i)->words);
        json_put_str(w, "args", command_at(i)->args);
        json_put_str(w, "sentence", command_at(i)->sentence);
        json_close(w);
    }
    json_close_array(w);
    json_close(w);
}

int command_help(const struct command *command, int argc, char **argv)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    bool json;

    if (command_wants_json(command, argc, argv, &json) != 0)
        return 1;
    if (!json) {
        help(stdout);
        return 0;
    }
    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    help_json(&w);
    return command_print(&out);
}

int command_print(const struct buf *json)
{
    struct err err;

    if (!buf_failed(json)) {
        printf("%.*s\n", TEXT_ARG(buf_view(json)));
        return 0;
    }
    err_set(&err, ERR_TOO_LARGE, "too_large", "The answer is too large to be shown.");
    return command_fail(&err);
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
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return command_help(NULL, 0, NULL);
    help(stderr);
    if (argc > 1)
        fprintf(stderr, "\nredhouse: there is no command \"%s\".\n", argv[1]);
    return 2;
}
