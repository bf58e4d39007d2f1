#include "server/client_stage.h"

#include "server/ask.h"

static const char *path_of(struct ask *ask, const char *what)
{
    return ask_path(ask, "/api/v1/stages/", text_of(ask->args.words[0]), what);
}

int stage_list_command(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/stages", err);
}

int stage_approve_command(struct ask *ask, struct err *err)
{
    return ask_post(ask, path_of(ask, "/approve"), err);
}

int stage_reject_command(struct ask *ask, struct err *err)
{
    return ask_delete(ask, path_of(ask, ""), err);
}
