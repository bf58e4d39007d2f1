#include "server/app.h"

#include "core/blob.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/embedded.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/file.h"
#include "core/log.h"
#include "core/pool.h"
#include "core/seal.h"
#include "http/account.h"
#include "http/events.h"
#include "http/hosts.h"
#include "http/idempotency.h"
#include "http/operation.h"
#include "http/owncert.h"
#include "http/people.h"
#include "http/ready.h"
#include "http/route.h"
#include "http/server.h"
#include "http/warm.h"
#include "registry/registry.h"
#include "registry/source.h"
#include "server/app_part.h"
#include "server/config.h"
#include "tenants/tenants.h"
#include "themes/themes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARM_MEMORY ((size_t)4 << 20) /* of small tarballs */
#define WARM_FILES 256                /* of larger ones, open */

extern const struct embedded http_sql[], themes_sql[], tenants_sql_control[];

struct db *app_control_open(const char *data, struct err *err)
{
    static const struct db_schema schemas[] = {
        {"http", http_sql},     {"registry", registry_sql},
        {"themes", themes_sql}, {"tenants", tenants_sql_control},
        {NULL, NULL},
    };
    auto_free char *path = xprintf("%s/redhouse.db", data);
    struct db_config config = {.path = path, .schemas = schemas, .readers = 8};

    return db_open(&config, err);
}

static const char *cookie_name(struct app *app)
{
    unsigned char key[32];
    struct text hex;

    seal_key(app->seal, TEXT("cookie name"), key);
    hex = hex_encode(app->pool, key, 4);
    return pool_printf(app->pool, "%sredhouse_%.*s",
                       text_starts(text_of(app->public_url), "https://") ? "__Host-" : "",
                       TEXT_ARG(hex));
}

static int open_floor(struct app *app, struct err *err)
{
    const struct config *config = app->config;
    struct fetch_options fetch_options = {.ca_file = config->uplink_ca,
                                          .proxy = config->uplink_proxy,
                                          .user_agent = "redhouse/" REDHOUSE_VERSION,
                                          .max_parallel = 32};

    app->seal = seal_open(pool_printf(app->pool, "%s/secret.key", config->data), err);
    if (app->seal == NULL)
        return -1;
    app->control = app_control_open(config->data, err);
    if (app->control == NULL)
        return -1;
    app->blobs = blobs_open(pool_printf(app->pool, "%s/blobs", config->data), err);
    if (app->blobs == NULL)
        return -1;
    app->fetcher = fetcher_new(&fetch_options, err);
    if (app->fetcher == NULL)
        return -1;
    app->account = account_open(app->control, APP_TOKEN_PREFIX, err);
    if (app->account == NULL)
        return -1;
    account_use_seal(app->account, app->seal);
    app->events = events_new();
    app->idempotency = idempotency_new(app->control);
    app->operations = operations_open(app->control, app->events, err);
    app->hosts = hosts_new();
    app->ready = ready_new((size_t)config->ready_budget);
    app->warm = warm_new(WARM_MEMORY, WARM_FILES);
    app->router = router_new();
    return app->operations != NULL ? 0 : -1;
}

/* Inside, an https address needs a certificate of ours. */
static int open_carrier_tls(struct app *app, struct err *err)
{
    char host[256];
    int32_t port;

    if (!text_starts(text_of(app->public_url), "https://"))
        return 0;
    tenants_public_address(app->public_url, host, sizeof(host), &port);
    app->carrier_tls_dir = pool_printf(app->pool, "%s/carrier", app->config->data);
    return owncert_ensure(app->carrier_tls_dir, host, app->pool, &app->carrier_ca, err);
}

/* Tables only: areas need not be open for that. */
static int add_routes(struct app *app, struct err *err)
{
    if (people_routes(app->people, app->router, err) != 0 ||
        operations_routes(app->operations, app->router, err) != 0 ||
        tenants_routes(app->tenants, app->router, err) != 0 ||
        themes_routes(app->themes, app->router, err) != 0 ||
        registry_routes(app->registry, app->router, err) != 0 ||
        sources_routes(app->sources, app->router, err) != 0)
        return -1;
    return platform_routes(app, app->router, err);
}

/* Once a minute: what is collected in memory goes to the disk, quiet files are checkpointed. */
static void keep_house(struct app *app)
{
    struct err err;

    if (account_flush(app->account, &err) != 0)
        log_error("app", err.text, NULL);
    registry_keep_house(app->registry);
    db_quiet(app->control);
    blobs_quiet(app->blobs);
    tenants_quiet(app->tenants);
}

static void *housekeeper(void *arg)
{
    struct app *app = arg;
    /* So that a source waits at most a fifth longer than it was told to. */
    int64_t poll_ms = app->config->source_poll_ms / 5;
    int64_t now = clock_mono_ms(), next = now + 60000, next_poll = now + poll_ms;

    while (!atomic_load(&app->stopping)) {
        usleep(250000);
        now = clock_mono_ms();
        if (now >= next) {
            next = now + 60000;
            keep_house(app);
        }
        if (now >= next_poll) {
            next_poll = now + poll_ms;
            sources_poll(app->sources);
        }
    }
    return NULL;
}

static int start_server(struct app *app, struct err *err)
{
    const struct config *config = app->config;
    struct http_config http = {.listen = config->listen,
                               .domain = config->domain,
                               .instance_domain = config->instance_domain,
                               .public_url = app->public_url,
                               .cookie_name = app->cookie,
                               .spool_dir = app->spool,
                               .tls_dir = config->tls_dir,
                               .carrier_tls_dir = app->carrier_tls_dir,
                               .access_log = config->access_log,
                               .trusted_proxies = config->trusted_proxies,
                               .loops = (unsigned)config->loops,
                               .workers = (unsigned)config->workers,
                               .max_connections = (size_t)config->max_connections,
                               .max_spool_bytes = (size_t)config->max_spool,
                               .wait_ms = config->wait_ms,
                               .router = app->router,
                               .account = app->account,
                               .knows_foreign = registry_knows_foreign,
                               .take_foreign = registry_take_foreign,
                               .foreign_arg = app->registry,
                               .hosts = app->hosts,
                               .idempotency = app->idempotency};
    char secret[65];
    struct text random = random_text(app->pool, 32);
    const char *path = pool_printf(app->pool, "%s/run/admin.secret", config->data);

    app->server = http_server_start(&http, err);
    if (app->server == NULL)
        return -1;
    snprintf(secret, sizeof(secret), "%.*s", TEXT_ARG(random));
    if (file_replace(path, text_printf(app->pool, "%s\n", secret), 0600, err) != 0 ||
        tenants_start(app->tenants, app->server, err) != 0)
        return -1;
    return http_server_admin_open(
        app->server, pool_printf(app->pool, "%s/run/admin.sock", config->data), secret, err);
}

struct app *app_start(const struct config *config, int broker_fd, const char *plugins,
                      struct err *err)
{
    struct app *app = xcalloc(1, sizeof(*app));

    app->pool = pool_new();
    app->config = config;
    app->broker_fd = broker_fd;
    app->public_url = config->public_url;
    app->spool = pool_printf(app->pool, "%s/spool", config->data);
    if (open_floor(app, err) != 0)
        return NULL;
    app->cookie = cookie_name(app);
    if (open_carrier_tls(app, err) != 0 || wire_areas(app, plugins, err) != 0 ||
        add_routes(app, err) != 0 || start_server(app, err) != 0)
        return NULL;
    if (registry_start(app->registry, err) != 0)
        return NULL;
    pthread_create(&app->housekeeper, NULL, housekeeper, app);
    return app;
}

int app_port(const struct app *app)
{
    return http_server_port(app->server);
}

const char *app_public_url(const struct app *app)
{
    return app->public_url;
}

int app_reload(struct app *app, struct err *err)
{
    return http_server_reload(app->server, err);
}

void app_stop(struct app *app, bool stop_instances)
{
    struct err err;

    atomic_store(&app->stopping, true);
    pthread_join(app->housekeeper, NULL);
    tenants_stop(app->tenants, stop_instances);
    http_server_stop(app->server, app->config->drain_ms);
    sources_stop(app->sources);
    tenants_close(app->tenants);
    themes_close(app->themes);
    registry_close(app->registry);
    fetcher_stop(app->fetcher);
    if (account_flush(app->account, &err) != 0)
        log_error("app", err.text, NULL);
    operations_close(app->operations);
    idempotency_free(app->idempotency);
    people_free(app->people);
    events_free(app->events);
    account_close(app->account);
    blobs_close(app->blobs);
    db_close(app->control);
    seal_close(app->seal);
}

struct router *app_routes(struct err *err)
{
    static struct app none; /* rows point at the areas of an application */

    none.router = router_new();
    return add_routes(&none, err) == 0 ? none.router : NULL;
}
