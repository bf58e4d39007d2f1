#include "server/app_part.h"

#include "core/fetch.h"
#include "core/json.h"
#include "core/seal.h"
#include "http/events.h"
#include "http/people.h"
#include "registry/registry.h"
#include "registry/source.h"
#include "server/config.h"
#include "tenants/job.h"
#include "tenants/module.h"
#include "tenants/tenants.h"
#include "themes/themes.h"

#include <stdlib.h>

/* Each area knows only these of the others. */

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
    struct package_user out = {user->package, user->instance,        user->tenant,
                               user->version, user->pending_version, user->direct};

    return query->each(query->arg, &out);
}

static int users_of(void *arg, struct pool *pool, const struct package_users *query,
                    struct err *err)
{
    struct app *app = arg;
    struct module_query modules = {.conn = query->conn,
                                   .package = query->package,
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

static bool has_scope(void *arg, struct text slug)
{
    struct app *app = arg;

    return registry_has_scope(app->registry, slug);
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

static struct registry *open_registry(struct app *app, struct err *err)
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
                                       .uplink_stale_ms = config->uplink_stale_ms,
                                       .uplink_timeout_ms = config->uplink_timeout_ms,
                                       .uplink_cache = config->uplink_cache,
                                       .uplink_hosts = config->uplink_hosts,
                                       .uplink_proxy = config->uplink_proxy,
                                       .offline = config->offline,
                                       .spool_dir = app->spool,
                                       .platform_scope = config->platform_scope,
                                       .anonymous_read = config->anonymous_reads,
                                       .self_register = config->self_registration,
                                       .hook_ca = config->uplink_ca,
                                       .hook_proxy = config->uplink_proxy,
                                       .hook_private = config->hook_private,
                                       .hook_retry_ms = config->hook_retry_ms,
                                       .published = on_published,
                                       .users_of = users_of,
                                       .arg = app};

    return registry_open(&registry, err);
}

static struct themes *open_themes(struct app *app, struct err *err)
{
    struct themes_config themes = {.control = app->control,
                                   .blobs = app->blobs,
                                   .account = app->account,
                                   .hosts = app->hosts,
                                   .ready = app->ready,
                                   .name = "Redhouse",
                                   .arg = app,
                                   .changed = on_theme_changed};

    return themes_open(&themes, err);
}

static struct tenants *open_tenants(struct app *app, const char *plugins, struct err *err)
{
    const struct config *config = app->config;
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

    return tenants_open(&tenants, err);
}

static struct people *open_people(struct app *app)
{
    struct people_config people = {.account = app->account,
                                   .control = app->control,
                                   .hosts = app->hosts,
                                   .public_url = app->public_url,
                                   .cookie_name = app->cookie,
                                   .shared_scope = app->config->platform_scope,
                                   .arg = app,
                                   .has_scope = has_scope,
                                   .remove_tenant = remove_tenant,
                                   .count_instances = count_instances};

    return people_new(&people);
}

int wire_areas(struct app *app, const char *plugins, struct err *err)
{
    app->registry = open_registry(app, err);
    app->themes = app->registry != NULL ? open_themes(app, err) : NULL;
    app->tenants = app->themes != NULL ? open_tenants(app, plugins, err) : NULL;
    app->people = open_people(app);
    return app->tenants != NULL ? open_sources(app, err) : -1;
}
