#include "server/client_registry.h"

#include "server/ask.h"

int registry_key_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/registry/keys", err);
}

int registry_key_rotate(struct ask *ask, struct err *err)
{
    return ask_post(ask, "/api/v1/registry/keys", err);
}
