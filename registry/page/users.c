#include "registry/page/users.h"

#include "core/err.h"
#include "http/call.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/page/page.h"

#define MOST_USERS 1000
#define ANSWER_MAX ((size_t)1 << 20)

struct text users_tenants(struct call *c)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    if (c->who->admin && identity_may(c->who, NULL, SCOPE_TENANT_READ))
        return TEXT_NONE;
    buf_init(&out, ANSWER_MAX);
    json_writer_init(&w, &out);
    json_open_array(&w);
    for (size_t i = 0; i < c->who->n_members; i++)
        if (identity_may(c->who, c->who->members[i].tenant, SCOPE_TENANT_READ))
            json_str(&w, c->who->members[i].tenant);
    json_close_array(&w);
    return buf_take(&out, c->pool);
}

struct shown {
    struct call *c;
    struct json_writer w;
    size_t n;
};

static bool put_user(void *arg, const struct package_user *user)
{
    struct shown *shown = arg;
    const struct account_tenant *tenant = account_tenant_by_id(shown->c->accounts, user->tenant);

    if (tenant == NULL)
        return true;
    if (shown->n++ == MOST_USERS)
        return false;
    json_open(&shown->w);
    json_put_str(&shown->w, "tenant", tenant->slug);
    json_put_text(&shown->w, "instance", user->instance);
    json_put_text(&shown->w, "version", user->version);
    json_put_text(&shown->w, "pending_version", user->pending_version);
    json_put_bool(&shown->w, "direct", user->direct);
    json_close(&shown->w);
    return true;
}

static void get_users(struct call *c)
{
    struct asked a;
    struct err err;
    struct shown shown = {.c = c};
    auto_buf struct buf out = {0};

    if (!asked_to_read(c, &a))
        return;
    const struct registry_config *config = &a.registry->config;
    struct package_users query = {.package = a.name.full,
                                  .tenants = users_tenants(c),
                                  .limit = MOST_USERS + 1,
                                  .each = put_user,
                                  .arg = &shown};
    buf_init(&out, ANSWER_MAX);
    json_writer_init(&shown.w, &out);
    json_open(&shown.w);
    json_key(&shown.w, "items");
    json_open_array(&shown.w);
    if (config->users_of != NULL &&
        !asked_went_well(c, config->users_of(config->arg, c->pool, &query, &err), &err))
        return;
    if (!asked_went_well(c, page_check_known(c, &a, shown.n, &err), &err))
        return;
    json_close_array(&shown.w);
    json_put_bool(&shown.w, "more", shown.n > MOST_USERS);
    json_close(&shown.w);
    call_json(c, 200, &out);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/api/v1/packages/:pkg/users",
     .handle = get_users,
     .who = WHO_USER,
     .summary = "The instances that have a package, of the tenants that you may see",
     .answer = "PackageUsers"},
};

int users_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
