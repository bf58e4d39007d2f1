#include "tenants/tenants.h"

#include "core/db.h"
#include "core/err.h"
#include "core/lane.h"
#include "core/pool.h"
#include "tenants/keeper.h"
#include "tenants/stack.h"
#include "tenants/store.h"

#include <stdio.h>
#include <stdlib.h>

#define KEEPER_LANE_THREADS 2
#define KEEPER_LANE_WAITING 65536

struct tenants *tenants_open(const struct tenants_config *config, struct err *err)
{
    struct tenants *tenants = xcalloc(1, sizeof(*tenants));
    auto_free char *dir = xprintf("%s/tenants", config->data_dir);

    tenants->config = *config;
    tenants->store = store_open(dir, err);
    if (tenants->store == NULL || stack_find(tenants, err) != 0) {
        store_close(tenants->store);
        free(tenants);
        return NULL;
    }
    tenants->stack_lane = lane_new("stack", 1, 4);
    tenants->lane = lane_new("keeper", KEEPER_LANE_THREADS, KEEPER_LANE_WAITING);
    return tenants;
}

int tenants_start(struct tenants *tenants, struct http_server *server, struct err *err)
{
    tenants->server = server;
    tenants->keeper = keeper_start(tenants, err);
    return tenants->keeper != NULL ? 0 : -1;
}

void tenants_stop(struct tenants *tenants, bool stop_instances)
{
    keeper_stop(tenants->keeper, stop_instances);
}

void tenants_close(struct tenants *tenants)
{
    lane_stop(tenants->stack_lane);
    lane_stop(tenants->lane);
    store_close(tenants->store);
}

void tenants_quiet(struct tenants *tenants)
{
    store_quiet(tenants->store);
}

void tenants_theme_changed(struct tenants *tenants, const char *tenant)
{
    if (tenants->keeper != NULL)
        keeper_theme_changed(tenants->keeper, tenant);
}

int tenants_count_instances(struct tenants *tenants, const char *tenant, int64_t *n,
                            struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM instance WHERE tenant = ?";
    auto_pool struct pool *pool = pool_new();
    auto_read struct db_read r = db_read(tenants->config.control, err);

    return r.conn == NULL ? -1 : db_get(r.conn, pool, err, sql, "z", "i", tenant, n);
}

void tenants_public_address(const char *url, char *host, size_t n, int32_t *port)
{
    struct text rest = text_of(url);
    bool tls = text_starts(rest, "https://");
    int64_t number = tls ? 443 : 80;

    rest = text_sub(rest, tls ? 8 : 7, rest.len);
    size_t end = text_find(rest, '/', 0);
    if (end != SIZE_MAX)
        rest.len = end;
    size_t colon = text_find(rest, ':', 0);
    if (colon != SIZE_MAX)
        text_number(text_sub(rest, colon + 1, rest.len), 1, 65535, &number);
    snprintf(host, n, "%.*s", TEXT_ARG(colon != SIZE_MAX ? text_sub(rest, 0, colon) : rest));
    *port = (int32_t)number;
}
