/* What the program says about itself: routes, options, version. Docs are compared with these. */
#include "core/buf.h"
#include "core/err.h"
#include "http/route.h"
#include "server/app.h"
#include "server/commands.h"
#include "server/config.h"

#include <stdio.h>

int command_routes(const struct command *command, int argc, char **argv)
{
    static const char *const who[] = {"anyone", "user", "member", "admin", "instance"};
    struct err err;
    struct router *router = app_routes(&err);

    if (router == NULL)
        return command_fail(&err);
    for (size_t i = 0; router_row(router, i) != NULL; i++) {
        const struct route *r = router_row(router, i);
        printf("%-6s %-58s %-8s %s\n", r->method, r->path, who[r->who],
               r->summary != NULL ? r->summary : "");
    }
    router_free(router);
    return 0;
}

int command_options(const struct command *command, int argc, char **argv)
{
    auto_buf struct buf out = {0};

    buf_init(&out, 1u << 20);
    option_describe(config_options, config_n_options, &out);
    fwrite(out.base, 1, out.len, stdout);
    return 0;
}

int command_version(const struct command *command, int argc, char **argv)
{
    printf("redhouse %s\n", REDHOUSE_VERSION);
    return 0;
}
