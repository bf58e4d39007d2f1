#include "server/client_teams.h"

#include "server/ask.h"

static struct text word(const struct ask *ask, unsigned i)
{
    return text_of(ask->args.words[i]);
}

/* …/tenants/TENANT/teams and what follows. */
static const char *teams(struct ask *ask, const char *rest)
{
    return ask_path(ask, "/api/v1/tenants/", word(ask, 0),
                    pool_printf(ask->pool, "/teams%s", rest));
}

static const char *one(struct ask *ask, const char *rest)
{
    return teams(ask, ask_path(ask, "/", word(ask, 1), rest));
}

int team_create_command(struct ask *ask, struct err *err)
{
    json_put_text(&ask->w, "name", word(ask, 1));
    json_put_str(&ask->w, "description", args_flag(&ask->args, "--description"));
    return ask_post(ask, teams(ask, ""), err);
}

int team_list_command(struct ask *ask, struct err *err)
{
    return ask_list(ask, teams(ask, ""), err);
}

int team_remove_command(struct ask *ask, struct err *err)
{
    return ask_delete(ask, one(ask, ""), err);
}

int team_join_command(struct ask *ask, struct err *err)
{
    json_put_text(&ask->w, "user", word(ask, 2));
    return ask_post(ask, one(ask, "/members"), err);
}

int team_leave_command(struct ask *ask, struct err *err)
{
    return ask_delete(ask, one(ask, ask_path(ask, "/members/", word(ask, 2), "")), err);
}

static const char *access_of(struct ask *ask, const char *rest)
{
    return ask_path(ask, "/api/v1/packages/", word(ask, 0),
                    pool_printf(ask->pool, "/access%s", rest));
}

int package_access_command(struct ask *ask, struct err *err)
{
    return ask_get(ask, access_of(ask, ""), err);
}

int package_grant_command(struct ask *ask, struct err *err)
{
    json_put_text(&ask->w, "permission", word(ask, 2));
    return ask_send(ask, "PUT", access_of(ask, ask_path(ask, "/teams/", word(ask, 1), "")), err);
}

int package_revoke_command(struct ask *ask, struct err *err)
{
    return ask_delete(ask, access_of(ask, ask_path(ask, "/teams/", word(ask, 1), "")), err);
}
