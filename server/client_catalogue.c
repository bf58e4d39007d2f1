#include "server/client_catalogue.h"

#include "server/ask.h"

/* The tenant is the first word; - is the platform. */
static const char *path_of(struct ask *ask, const char *after)
{
    struct text tenant = text_of(ask->args.words[0]);

    return text_is(tenant, "-") ? pool_printf(ask->pool, "/api/v1%s", after)
                                : ask_path(ask, "/api/v1/tenants/", tenant, after);
}

static const char *pick_of(struct ask *ask)
{
    return ask_path(ask, path_of(ask, "/catalogue/picks/"), text_of(ask->args.words[1]), "");
}

int catalogue_list_command(struct ask *ask, struct err *err)
{
    return ask_list(ask, path_of(ask, "/catalogue/picks"), err);
}

int catalogue_pick_command(struct ask *ask, struct err *err)
{
    static const char *const fields[] = {"note", "badge"};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *value = args_flag(&ask->args, pool_printf(ask->pool, "--%s", fields[i]));
        if (value != NULL)
            json_put_str(&ask->w, fields[i], value);
    }
    return ask_send(ask, "PUT", pick_of(ask), err);
}

int catalogue_remove_command(struct ask *ask, struct err *err)
{
    return ask_delete(ask, pick_of(ask), err);
}

int catalogue_address_command(struct ask *ask, struct err *err)
{
    ask->note = "It is shown only once; the address before it ended.";
    return ask_post(ask, path_of(ask, "/catalogue/key"), err);
}
