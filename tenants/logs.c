#include "tenants/logs.h"

#include "http/call.h"
#include "http/logfile.h"
#include "http/route.h"
#include "tenants/instance.h"
#include "tenants/routes.h"
#include "tenants/tenants.h"

static void get_logs(struct call *c)
{
    struct tenants *tenants = c->area;
    struct instance found;
    struct err err;

    if (routes_instance(c, SCOPE_INSTANCE_LOGS, &found, &err) != 0)
        call_fail(c, &err);
    else
        logfile_serve(c,
                      pool_printf(c->pool, "%s/logs/instances/%.*s/node-red.log",
                                  tenants->config.data_dir, TEXT_ARG(found.id)),
                      false);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/instances/:instance/logs",
     .handle = get_logs,
     .who = WHO_USER,
     .summary = "the log's tail (?tail=200); with ?follow=true as events",
     .query = "tail follow",
     .answer = "text/plain text/event-stream"},
};

int logs_routes(struct tenants *tenants, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), tenants, err);
}
