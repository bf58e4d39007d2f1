#include "server/args.h"

#include "core/err.h"
#include "core/pool.h"
#include "server/commands.h"
#include "server/config.h"

#include <string.h>

enum kind { KIND_NONE, KIND_SWITCH, KIND_VALUE };

static int usage(const struct command *command, struct err *err)
{
    return err_set(err, ERR_INVALID, "usage", "Usage: redhouse %s %s", command->words,
                   command->args);
}

static struct text bare(struct text token)
{
    if (text_starts(token, "["))
        token = text_sub(token, 1, token.len);
    return text_ends(token, "]") ? text_sub(token, 0, token.len - 1) : token;
}

/* How the usage shows the flag. */
static enum kind shown(const char *shape, struct text flag)
{
    struct text rest = text_of(shape), token;

    while (text_cut(&rest, ' ', &token)) {
        if (!text_eq(bare(token), flag))
            continue;
        bool last = rest.base == NULL || rest.len == 0 || text_ends(token, "]") ||
                    text_starts(rest, "[") || text_starts(rest, "--");
        return last ? KIND_SWITCH : KIND_VALUE;
    }
    return KIND_NONE;
}

static unsigned words_wanted(const char *shape)
{
    struct text rest = text_of(shape), token;
    unsigned n = 0;

    while (text_cut(&rest, ' ', &token)) {
        struct text name = bare(token);
        if (name.len == 0)
            continue;
        if (!text_starts(name, "--"))
            n++;
        else if (shown(shape, name) == KIND_VALUE)
            (void)text_cut(&rest, ' ', &token);
    }
    return n;
}

static const struct option *option_of(struct text flag)
{
    for (size_t i = 0; i < config_n_options; i++)
        if (text_is(text_sub(flag, 2, flag.len), config_options[i].name))
            return &config_options[i];
    return NULL;
}

static int take_own(struct args *args, const struct command *command, struct text name, char *value,
                    struct err *err)
{
    if (args->n_flags == ARGS_FLAGS)
        return usage(command, err);
    args->flags[args->n_flags++] = (struct args_flag){name, value};
    return 0;
}

int args_read(struct args *args, struct pool *pool, const struct command *command, int argc,
              char **argv, struct err *err)
{
    struct args got = {.options = pool_zalloc(pool, ((size_t)argc + 1) * sizeof(char *))};
    int n_options = 0;

    for (int i = 0; i < argc; i++) {
        struct text rest = text_of(argv[i]), name;
        if (!text_starts(rest, "--")) {
            if (got.n_words == ARGS_WORDS)
                return usage(command, err);
            got.words[got.n_words++] = argv[i];
            continue;
        }
        bool joined = strchr(argv[i], '=') != NULL;
        (void)text_cut(&rest, '=', &name);
        const struct option *option = option_of(name);
        enum kind kind = option == NULL ? shown(command->args, name) : KIND_NONE;
        if (kind == KIND_NONE) {
            got.options[n_options++] = argv[i];
            if (!joined && option != NULL && option->type != OPTION_BOOL && i + 1 < argc)
                got.options[n_options++] = argv[++i];
            continue;
        }
        char *value = joined ? strchr(argv[i], '=') + 1 : (char *)"";
        if (kind == KIND_SWITCH && joined)
            return usage(command, err);
        if (kind == KIND_VALUE && !joined) {
            if (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0)
                return err_set(err, ERR_INVALID, "no_value", "%s needs a value.", argv[i]);
            value = argv[++i];
        }
        if (take_own(&got, command, name, value, err) != 0)
            return -1;
    }
    if (got.n_words != words_wanted(command->args))
        return usage(command, err);
    *args = got;
    return 0;
}

char *args_flag(const struct args *args, const char *name)
{
    for (unsigned i = 0; i < args->n_flags; i++)
        if (text_is(args->flags[i].name, name))
            return args->flags[i].value;
    return NULL;
}
