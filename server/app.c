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
#include "core/json.h"
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
#include "tenants/job.h"
#include "tenants/module.h"
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

/* Where areas meet: each knows only these. */

static void on_published(void *arg, const char *tenant, struct text name, struct text version)
{
    struct app *app = arg;
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "name", name);
    json_put_text(&w, "version", version);
    json_close(&w);
    events_emit(app->events, tenant, "package", buf_view(&out));
}

static bool each_user(void *arg, const struct module_user *user)
{
    const struct package_users *query = arg;
    struct package_user out = {user->instance, user->tenant, user->version, user->pending_version,
                               user->direct};

    return query->each(query->arg, &out);
}

static int users_of(void *arg, struct pool *pool, const struct package_users *query,
                    struct err *err)
{
    struct app *app = arg;
    struct module_query modules = {.package = query->package,
                                   .tenants = query->tenants,
                                   .limit = query->limit,
                                   .each = each_user,
                                   .arg = (void *)(uintptr_t)query};

    return module_users(app->tenants, pool, &modules, err);
}

static void on_theme_changed(void *arg, const char *tenant)
{
    struct app *app = arg;

    tenants_theme_changed(app->tenants, tenant);
}

static int theme_json(void *arg, struct pool *pool, const char *tenant, const char *title,
                      struct text *json, struct err *err)
{
    struct app *app = arg;

    return themes_runtime_json(app->themes, pool, tenant, title, json, err);
}

static int theme_look(void *arg, struct pool *pool, const char *tenant, struct text *css,
                      struct err *err)
{
    struct app *app = arg;

    return themes_look(app->themes, pool, tenant, css, err);
}

static int public_tarball(void *arg, struct pool *pool, struct text name, struct text version,
                          struct text integrity, int *fd, struct err *err)
{
    struct app *app = arg;

    return registry_public_tarball(app->registry, pool, name, version, integrity, fd, err);
}

static void on_build_changed(void *arg, const char *tenant, struct text json)
{
    struct app *app = arg;

    events_emit(app->events, tenant, "build", json);
}

static int run_git(void *arg, const char *job, const char *repository, struct text input, int log,
                   int *exit_code, struct err *err)
{
    struct app *app = arg;

    return tenants_job_git(app->tenants, job, repository, input, log, exit_code, err);
}

static int run_pack(void *arg, const char *job, const char *subdir, int log, int *exit_code,
                    struct err *err)
{
    struct app *app = arg;

    return tenants_job_pack(app->tenants, job, subdir, log, exit_code, err);
}

static void clean_job(void *arg, const char *job)
{
    struct app *app = arg;

    tenants_job_clean(app->tenants, job);
}

static int count_instances(void *arg, const char *tenant, long long *n, struct err *err)
{
    struct app *app = arg;
    int64_t count = 0;

    if (tenants_count_instances(app->tenants, tenant, &count, err) != 0)
        return -1;
    *n = count;
    return 0;
}

static int remove_tenant(void *arg, const char *tenant, struct err *err)
{
    long long n = 0;

    if (count_instances(arg, tenant, &n, err) != 0)
        return -1;
    return n == 0 ? 0
                  : err_set(err, ERR_CONFLICT, "tenant_in_use",
                            "The tenant still has %lld instances; remove them first.", n);
}

/* Opening, in order. */

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

static int open_sources(struct app *app, struct err *err)
{
    const struct config *config = app->config;
    struct sources_config sources = {.registry = app->registry,
                                     .seal = app->seal,
                                     .operations = app->operations,
                                     .runner = {app, run_git, run_pack, clean_job,
                                                pool_printf(app->pool, "%s/jobs", config->data)},
                                     .logs_dir =
                                         pool_printf(app->pool, "%s/logs/builds", config->data),
                                     .public_url = app->public_url,
                                     .git_local = config->git_local,
                                     .allow_private = config->git_private,
                                     .poll_ms = config->source_poll_ms,
                                     .changed = on_build_changed,
                                     .arg = app};

    app->sources = sources_open(&sources, err);
    return app->sources != NULL ? 0 : -1;
}

static int open_areas(struct app *app, const char *plugins, struct err *err)
{
    const struct config *config = app->config;
    struct registry_config registry = {.control = app->control,
                                       .blobs = app->blobs,
                                       .account = app->account,
                                       .seal = app->seal,
                                       .operations = app->operations,
                                       .fetcher = app->fetcher,
                                       .ready = app->ready,
                                       .warm = app->warm,
                                       .public_url = app->public_url,
                                       .uplink_url = config->uplink,
                                       .uplink_fresh_ms = config->uplink_fresh_ms,
                                       .spool_dir = app->spool,
                                       .platform_scope = config->platform_scope,
                                       .anonymous_read = config->anonymous_reads,
                                       .self_register = config->self_registration,
                                       .published = on_published,
                                       .users_of = users_of,
                                       .arg = app};
    struct themes_config themes = {.control = app->control,
                                   .blobs = app->blobs,
                                   .account = app->account,
                                   .hosts = app->hosts,
                                   .ready = app->ready,
                                   .name = "Redhouse",
                                   .arg = app,
                                   .changed = on_theme_changed};
    struct tenants_config tenants = {.data_dir = config->data,
                                     .carrier_ca = app->carrier_ca,
                                     .stacks_dir = config->stacks,
                                     .domain = config->domain,
                                     .instance_domain = config->instance_domain,
                                     .public_url = app->public_url,
                                     .default_stack = config->default_stack,
                                     .plugins = plugins,
                                     .start_deadline_ms = config->start_deadline_ms,
                                     .memory_bytes = config->memory,
                                     .cpu_percent = config->cpu_percent,
                                     .pids = config->pids,
                                     .starts_at_once = (unsigned)config->starts_at_once,
                                     .control = app->control,
                                     .seal = app->seal,
                                     .account = app->account,
                                     .hosts = app->hosts,
                                     .events = app->events,
                                     .operations = app->operations,
                                     .broker_fd = app->broker_fd,
                                     .public_arg = app,
                                     .public_tarball = public_tarball,
                                     .theme_arg = app,
                                     .theme_json = theme_json,
                                     .theme_look = theme_look};
    struct people_config people = {.account = app->account,
                                   .control = app->control,
                                   .hosts = app->hosts,
                                   .public_url = app->public_url,
                                   .cookie_name = app->cookie,
                                   .shared_scope = config->platform_scope,
                                   .arg = app,
                                   .remove_tenant = remove_tenant,
                                   .count_instances = count_instances};

    app->registry = registry_open(&registry, err);
    app->themes = app->registry != NULL ? themes_open(&themes, err) : NULL;
    app->tenants = app->themes != NULL ? tenants_open(&tenants, err) : NULL;
    app->people = people_new(&people);
    return app->tenants != NULL ? open_sources(app, err) : -1;
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
    db_quiet(app->control);
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
    if (open_carrier_tls(app, err) != 0 || open_areas(app, plugins, err) != 0 ||
        add_routes(app, err) != 0 || start_server(app, err) != 0)
        return NULL;
    registry_start(app->registry);
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
    struct app *app = xcalloc(1, sizeof(*app));

    app->router = router_new();
    return add_routes(app, err) == 0 ? app->router : NULL;
}
