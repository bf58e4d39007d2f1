/* What the program says about itself: routes, options, version. Docs are compared with these. */
#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "server/app.h"
#include "server/commands.h"
#include "server/config.h"

#include <stdio.h>
#include <string.h>

#define OUT_MAX (1u << 20)

int command_wants_json(const struct command *command, int argc, char **argv, bool *json)
{
    struct err err;

    *json = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") != 0) {
            err_set(&err, ERR_INVALID, "usage", "Usage: redhouse %s [--json]", command->words);
            return command_fail(&err);
        }
        *json = true;
    }
    return 0;
}

static void open_items(struct json_writer *w, struct buf *out)
{
    buf_init(out, OUT_MAX);
    json_writer_init(w, out);
    json_open(w);
    json_key(w, "items");
    json_open_array(w);
}

static int print_items(struct json_writer *w)
{
    json_close_array(w);
    json_close(w);
    return command_print(w->out);
}

static const char *who_of(const struct route *r)
{
    static const char *const who[] = {"anyone", "user", "member", "admin", "publisher", "instance"};

    return who[r->who];
}

static int routes_json(struct router *router)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    open_items(&w, &out);
    for (size_t i = 0; router_row(router, i) != NULL; i++) {
        const struct route *r = router_row(router, i);
        json_open(&w);
        json_put_str(&w, "method", r->method);
        json_put_str(&w, "path", r->path);
        json_put_str(&w, "who", who_of(r));
        json_put_str(&w, "summary", r->summary);
        json_close(&w);
    }
    return print_items(&w);
}

int command_routes(const struct command *command, int argc, char **argv)
{
    struct err err;
    bool json;
    int rc = 0;

    if (command_wants_json(command, argc, argv, &json) != 0)
        return 1;
    struct router *router = app_routes(&err);
    if (router == NULL)
        return command_fail(&err);
    if (json)
        rc = routes_json(router);
    for (size_t i = 0; !json && router_row(router, i) != NULL; i++) {
        const struct route *r = router_row(router, i);
        printf("%-6s %-58s %-8s %s\n", r->method, r->path, who_of(r),
               r->summary != NULL ? r->summary : "");
    }
    router_free(router);
    return rc;
}

static int options_json(void)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    open_items(&w, &out);
    for (size_t i = 0; i < config_n_options; i++) {
        const struct option *o = &config_options[i];
        json_open(&w);
        json_put_str(&w, "name", o->name);
        json_put_str(&w, "default", o->preset);
        json_put_str(&w, "unit", o->unit);
        json_put_int(&w, "min", o->min);
        json_put_int(&w, "max", o->max);
        json_put_str(&w, "sentence", o->sentence);
        json_close(&w);
    }
    return print_items(&w);
}

int command_options(const struct command *command, int argc, char **argv)
{
    auto_buf struct buf out = {0};
    bool json;

    if (command_wants_json(command, argc, argv, &json) != 0)
        return 1;
    if (json)
        return options_json();
    buf_init(&out, OUT_MAX);
    option_describe(config_options, config_n_options, &out);
    fwrite(out.base, 1, out.len, stdout);
    return 0;
}

int command_version(const struct command *command, int argc, char **argv)
{
    bool json;

    if (command_wants_json(command, argc, argv, &json) != 0)
        return 1;
    printf(json ? "{\"version\":\"%s\"}\n" : "redhouse %s\n", REDHOUSE_VERSION);
    return 0;
}
