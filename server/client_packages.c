#include "server/client_packages.h"

#include "server/ask.h"

#define ONCE "; it is shown only once"

static struct text word(const struct ask *ask, unsigned i)
{
    return text_of(ask->args.words[i]);
}

static const char *flag(const struct ask *ask, const char *name)
{
    return args_flag(&ask->args, name);
}

/* The only one that the caller belongs to, or, for an admin who belongs to none, the only one there
 * is: an admin's session shows the others as well. */
static int only_tenant(struct ask *ask, struct text *slug, struct err *err)
{
    const struct json *own = NULL, *list;
    size_t n = 0;

    if (ask_get(ask, "/api/v1/session", err) != 0)
        return -1;
    list = json_get(ask->doc, "tenants");
    json_each (item, list) {
        struct text role = TEXT_NONE;
        if (json_want_text(item, "role", &role, err) != 0)
            return -1;
        if (!text_is(role, "admin")) {
            own = item;
            n++;
        }
    }
    if (n == 0 && list != NULL && list->count == 1)
        own = list->child;
    if (own == NULL || n > 1)
        return err_set(err, ERR_INVALID, "no_tenant",
                       "Say which tenant the name is for: --tenant SLUG.");
    return json_need_text(own, "slug", slug, err);
}

int package_claim(struct ask *ask, struct err *err)
{
    struct text tenant = TEXT_NONE;

    if (flag(ask, "--tenant") != NULL)
        tenant = text_of(flag(ask, "--tenant"));
    else if (only_tenant(ask, &tenant, err) != 0)
        return -1;
    json_put_text(&ask->w, "name", word(ask, 0));
    json_put_text(&ask->w, "tenant", tenant);
    json_put_bool(&ask->w, "take_over", flag(ask, "--take-over") != NULL);
    return ask_post(ask, "/api/v1/claims", err);
}

int package_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, "/api/v1/packages", err);
}

int package_users(struct ask *ask, struct err *err)
{
    return ask_list(ask, ask_path(ask, "/api/v1/packages/", word(ask, 0), "/users"), err);
}

int source_add(struct ask *ask, struct err *err)
{
    const char *tags = flag(ask, "--tags");

    json_put_text(&ask->w, "url", word(ask, 1));
    if (tags != NULL)
        json_put_str(&ask->w, "tags", tags);
    ask->note = "The last word is the webhook's secret" ONCE ".";
    return ask_post(ask, ask_path(ask, "/api/v1/tenants/", word(ask, 0), "/sources"), err);
}

int source_list(struct ask *ask, struct err *err)
{
    return ask_list(ask, ask_path(ask, "/api/v1/tenants/", word(ask, 0), "/sources"), err);
}

int source_build(struct ask *ask, struct err *err)
{
    if (ask_post(ask, ask_path(ask, "/api/v1/sources/", word(ask, 0), "/builds"), err) != 0)
        return -1;
    return ask_follow(ask, "done", err);
}
