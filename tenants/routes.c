/* The instances of the API: docs/api.md. */
#include "tenants/routes.h"
#include "core/db.h"
#include "core/json.h"
#include "http/account.h"
#include "http/call.h"
#include "http/operation.h"
#include "http/route.h"
#include "tenants/inspect.h"
#include "tenants/instance.h"
#include "tenants/keeper.h"
#include "tenants/logs.h"
#include "tenants/module.h"
#include "tenants/stack.h"
#include "tenants/storage.h"
#include "tenants/tenants.h"

/* The instance of :instance that the caller may see and has the scopes for. */
static int find(struct call *c, uint32_t scopes, struct instance *out, struct err *err)
{
    struct tenants *tenants = c->area;
    struct instance found;

    if (instance_by_slug(tenants, c->pool, call_param(c, "instance"), &found, err) != 0)
        return -1;
    const char *tenant = text_c(c->pool, found.tenant);
    if (call_require(c, tenant, SCOPE_TENANT_READ, true, err) != 0)
        return err_set(err, ERR_NOT_FOUND, "instance_not_found", "There is no such instance.");
    if (scopes != 0 && call_require(c, tenant, scopes, false, err) != 0)
        return -1;
    *out = found;
    return 0;
}

int routes_instance(struct call *c, unsigned scopes, struct instance *out, struct err *err)
{
    return find(c, scopes, out, err);
}

/* The ids of the tenants that the caller sees, as a JSON array; absent for an admin who sees all.
 */
static int visible_tenants(struct call *c, struct text *ids, struct err *err)
{
    struct text slug = call_query(c, "tenant");
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    json_open_array(&w);
    if (slug.len > 0) {
        const struct account_tenant *t = account_tenant_by_slug(c->accounts, slug);
        if (t == NULL || call_require(c, t->id, SCOPE_TENANT_READ, true, err) != 0)
            return err_set(err, ERR_NOT_FOUND, "tenant_not_found", "There is no such tenant.");
        json_str(&w, t->id);
    } else if (c->who->admin) {
        *ids = TEXT_NONE;
        return 0;
    }
    for (size_t i = 0; slug.len == 0 && i < c->who->n_members; i++)
        if (identity_may(c->who, c->who->members[i].tenant, SCOPE_TENANT_READ))
            json_str(&w, c->who->members[i].tenant);
    json_close_array(&w);
    *ids = buf_take(&out, c->pool);
    return 0;
}

static void get_instances(struct call *c)
{
    struct instance_page page = {0};
    struct err err;
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 4u << 20);
    json_writer_init(&w, &out);
    if (call_page(c, &page.limit, &page.cursor, &err) != 0 ||
        visible_tenants(c, &page.ids, &err) != 0)
        goto fail;
    json_open(&w);
    json_key(&w, "items");
    json_open_array(&w);
    if (instance_list_json(c->area, &w, &page, c->pool, &err) != 0)
        goto fail;
    json_close_array(&w);
    json_put_text(&w, "next", page.next);
    json_close(&w);
    call_json(c, 200, &out);
    return;
fail:
    call_fail(c, &err);
}

/* Begins an operation on an instance, pokes the keeper and answers 202. */
static void answer_operation(struct call *c, const char *kind, struct text tenant, struct text id,
                             struct text slug, enum keeper_poke poke)
{
    struct tenants *tenants = c->area;
    struct operation_spec spec = {kind, text_c(c->pool, tenant), slug, c->who->user};
    char operation[27];
    struct err err;

    if (operation_begin(tenants->config.operations, &spec, operation, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    keeper_poke(tenants->keeper, text_c(c->pool, id), poke, operation);
    operation_answer(tenants->config.operations, c, operation);
}

static int read_memory(const struct json *doc, int64_t *bytes, struct err *err)
{
    int64_t mb = 0;

    if (json_want_int(doc, "memory_mb", &mb, err) != 0)
        return -1;
    if (mb < 0 || mb > 1 << 20)
        return err_set(err, ERR_UNPROCESSABLE, "bad_memory",
                       "Memory must be between 128 MB and 16 GB.");
    *bytes = mb << 20;
    return 0;
}

static void post_instance(struct call *c)
{
    const struct json *doc;
    struct instance_wish wish = {.tenant = text_of(c->tenant->id)};
    struct text id;
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "slug", &wish.slug, &err) != 0 ||
        json_want_text(doc, "name", &wish.name, &err) != 0 ||
        json_want_text(doc, "stack", &wish.stack, &err) != 0 ||
        read_memory(doc, &wish.memory_bytes, &err) != 0 ||
        instance_create(c->area, c->pool, &wish, &id, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    answer_operation(c, "instance.create", wish.tenant, id, wish.slug, POKE_ROW);
}

static void answer_instance(struct call *c, struct text id)
{
    struct err err;
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    if (instance_json(c->area, &w, id, &err) != 0)
        call_fail(c, &err);
    else
        call_json(c, 200, &out);
}

static void get_instance(struct call *c)
{
    struct instance found;
    struct err err;

    if (find(c, 0, &found, &err) != 0)
        call_fail(c, &err);
    else
        answer_instance(c, found.id);
}

static void patch_instance(struct call *c)
{
    struct tenants *tenants = c->area;
    const struct json *doc;
    struct text name = TEXT_NONE, stack = TEXT_NONE;
    int64_t memory = 0;
    struct instance found;
    struct err err;

    if (find(c, SCOPE_INSTANCE_CONTROL, &found, &err) != 0 || call_json_body(c, &doc, &err) != 0 ||
        json_want_text(doc, "name", &name, &err) != 0 ||
        json_want_text(doc, "stack", &stack, &err) != 0 || read_memory(doc, &memory, &err) != 0 ||
        instance_change(tenants, found.id, name, stack, memory, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    keeper_poke(tenants->keeper, text_c(c->pool, found.id), POKE_ROW, NULL);
    answer_instance(c, found.id);
}

static void delete_instance(struct call *c)
{
    struct instance found;
    struct err err;

    if (find(c, SCOPE_INSTANCE_CONTROL, &found, &err) != 0)
        goto fail;
    if (!text_eq(call_query(c, "confirm"), found.slug)) {
        err_set(&err, ERR_INVALID, "not_confirmed",
                "Removing an instance erases its flows and files: confirm it with ?confirm=%.*s.",
                TEXT_ARG(found.slug));
        goto fail;
    }
    if (instance_desire(c->area, found.id, DESIRED_REMOVED, &err) != 0)
        goto fail;
    answer_operation(c, "instance.remove", found.tenant, found.id, found.slug, POKE_ROW);
    return;
fail:
    call_fail(c, &err);
}

static void control(struct call *c, enum desired desired, const char *kind, enum keeper_poke poke)
{
    struct instance found;
    struct err err;

    if (find(c, SCOPE_INSTANCE_CONTROL, &found, &err) != 0 ||
        instance_desire(c->area, found.id, desired, &err) != 0)
        call_fail(c, &err);
    else
        answer_operation(c, kind, found.tenant, found.id, found.slug, poke);
}

static void post_start(struct call *c)
{
    control(c, DESIRED_RUNNING, "instance.start", POKE_ROW);
}

static void post_stop(struct call *c)
{
    control(c, DESIRED_STOPPED, "instance.stop", POKE_ROW);
}

static void post_restart(struct call *c)
{
    control(c, DESIRED_RUNNING, "instance.restart", POKE_RESTART);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/instances",
     .handle = get_instances,
     .who = WHO_USER,
     .summary = "the instances you may see",
     .query = "limit cursor tenant",
     .answer = "[Instance]"},
    {.method = "POST",
     .path = "/api/v1/tenants/:tenant/instances",
     .handle = post_instance,
     .who = WHO_MEMBER,
     .scope = SCOPE_INSTANCE_CONTROL,
     .summary = "creates an instance and starts it",
     .body = "NewInstance",
     .answer = "Started",
     .status = 202},
    {.method = "GET",
     .path = "/api/v1/instances/:instance",
     .handle = get_instance,
     .who = WHO_USER,
     .summary = "one instance",
     .answer = "Instance"},
    {.method = "PATCH",
     .path = "/api/v1/instances/:instance",
     .handle = patch_instance,
     .who = WHO_USER,
     .summary = "changes name, stack or memory; stack and memory count from the next start",
     .body = "InstanceChange",
     .answer = "Instance"},
    {.method = "DELETE",
     .path = "/api/v1/instances/:instance",
     .handle = delete_instance,
     .who = WHO_USER,
     .summary = "stops and erases an instance; ?confirm=SLUG",
     .query = "confirm",
     .answer = "Started",
     .status = 202},
    {.method = "POST",
     .path = "/api/v1/instances/:instance/start",
     .handle = post_start,
     .who = WHO_USER,
     .summary = "starts an instance",
     .answer = "Started",
     .status = 202},
    {.method = "POST",
     .path = "/api/v1/instances/:instance/stop",
     .handle = post_stop,
     .who = WHO_USER,
     .summary = "stops an instance",
     .answer = "Started",
     .status = 202},
    {.method = "POST",
     .path = "/api/v1/instances/:instance/restart",
     .handle = post_restart,
     .who = WHO_USER,
     .summary = "stops and starts an instance",
     .answer = "Started",
     .status = 202},
};

int tenants_routes(struct tenants *tenants, struct router *router, struct err *err)
{
    if (router_add(router, routes, sizeof(routes) / sizeof(routes[0]), tenants, err) != 0 ||
        logs_routes(tenants, router, err) != 0 || inspect_routes(tenants, router, err) != 0 ||
        module_routes(tenants, router, err) != 0 || stack_routes(tenants, router, err) != 0)
        return -1;
    return storage_routes(tenants, router, err);
}
