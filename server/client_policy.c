#include "server/client_policy.h"

#include "core/file.h"
#include "server/ask.h"

#include <stdio.h>

#define RULES_MAX ((size_t)1 << 20)

static const char *path_of(struct ask *ask)
{
    const char *tenant = args_flag(&ask->args, "--tenant");
    return tenant != NULL ? ask_path(ask, "/api/v1/tenants/", text_of(tenant), "/policy")
                          : "/api/v1/policy";
}

/* A document of any shape: it is printed as it is, with --json or without. */
int policy_show(struct ask *ask, struct err *err)
{
    struct text rules;
    if (client_read(&ask->client, path_of(ask), &rules, err) != 0)
        return -1;
    (void)printf("%.*s\n", TEXT_ARG(rules));
    return 0;
}

int policy_set(struct ask *ask, struct err *err)
{
    auto_buf struct buf rules = {0};
    buf_init(&rules, RULES_MAX);
    ask->done = "set";
    return file_read(ask->args.words[0], RULES_MAX, &rules, err) != 0
               ? -1
               : client_send(&ask->client, "PUT", path_of(ask), buf_view(&rules),
                             "application/json", &ask->doc, err);
}

int policy_refusals(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/policy/refusals", err);
}
