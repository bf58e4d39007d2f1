#include "registry/registry.h"

#include "core/blob.h"
#include "core/db.h"
#include "core/err.h"
#include "core/log.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/ready.h"
#include "http/warm.h"
#include "registry/advisory/advisory.h"
#include "registry/area.h"
#include "registry/catalogue/catalogue.h"
#include "registry/catalogue/pick.h"
#include "registry/downloads.h"
#include "registry/hook/hook.h"
#include "registry/login.h"
#include "registry/move/legacy.h"
#include "registry/move/move.h"
#include "registry/offline/offline.h"
#include "registry/origin.h"
#include "registry/page/page.h"
#include "registry/policy/policy.h"
#include "registry/routes.h"
#include "registry/search/search.h"
#include "registry/signature/signature.h"
#include "registry/stock/stock.h"
#include "registry/team/routes.h"
#include "registry/trust/issuer.h"
#include "registry/trust/trust.h"
#include "registry/upkeep.h"
#include "registry/uplink/outside.h"
#include "registry/uplink/uplinks.h"

#include <stdlib.h>

#define DEFAULT_FRESH_MS (5 * 60 * 1000)
#define DEFAULT_TIMEOUT_MS (30 * 1000)

static char *copy(const char *s)
{
    return s != NULL ? xstrdup(s) : NULL;
}

static void drop(const char *s)
{
    free((char *)(uintptr_t)s);
}

static void copy_config(struct registry *r, const struct registry_config *config)
{
    r->config = *config;
    r->config.public_url = copy(config->public_url);
    r->config.uplink_url = copy(config->uplink_url);
    r->config.spool_dir = copy(config->spool_dir);
    const char *scope = config->platform_scope;
    r->config.platform_scope = copy(scope != NULL && scope[0] == '@' ? scope + 1 : scope);
    if (r->config.max_tarball == 0 || r->config.max_tarball > MOST_TARBALL)
        r->config.max_tarball = MOST_TARBALL;
    if (r->config.uplink_fresh_ms == 0)
        r->config.uplink_fresh_ms = DEFAULT_FRESH_MS;
    if (r->config.uplink_timeout_ms == 0)
        r->config.uplink_timeout_ms = DEFAULT_TIMEOUT_MS;
    r->base = xprintf("%s/npm", config->public_url);
}

/* Both forms of a public document; absent: where names come from was decided anew. */
static void on_document(void *arg, struct text name)
{
    struct registry *r = arg;
    auto_pool struct pool *pool = pool_new();
    if (name.base == NULL) {
        ready_drop_prefix(r->config.ready, TEXT("npm "));
        warm_drop_all(r->config.warm);
        return;
    }
    ready_drop_prefix(r->config.ready, text_printf(pool, "npm %.*s ", TEXT_ARG(name)));
}

static int open_uplinks(struct registry *r, struct err *err)
{
    const struct registry_config *c = &r->config;
    struct uplinks_config config = {.control = c->control,
                                    .blobs = c->blobs,
                                    .fetcher = c->fetcher,
                                    .seal = c->seal,
                                    .url = c->uplink_url,
                                    .hosts = c->uplink_hosts,
                                    .proxy = c->uplink_proxy,
                                    .public_url = c->public_url,
                                    .spool_dir = c->spool_dir,
                                    .fresh_ms = c->uplink_fresh_ms,
                                    .stale_ms = c->uplink_stale_ms,
                                    .timeout_ms = c->uplink_timeout_ms,
                                    .cache_bytes = c->uplink_cache,
                                    .offline = c->offline,
                                    .changed = on_document,
                                    .arg = r};
    r->uplinks = uplinks_open(&config, err);
    return r->uplinks != NULL ? 0 : -1;
}

static int open_signing(struct registry *r, struct err *err)
{
    if (r->config.seal == NULL)
        return 0;
    r->signing = signing_open(r->config.control, r->config.seal, err);
    return r->signing != NULL ? 0 : -1;
}

/* A tenant's packages would be everybody's from one start to the next. */
static int check_platform_scope(const struct registry *r, struct err *err)
{
    const char *scope = r->config.platform_scope;
    if (scope == NULL)
        return 0;
    struct snapshot *accounts = account_snapshot(r->config.account);
    bool taken = account_tenant_by_slug(accounts, text_of(scope)) != NULL;
    snapshot_drop(accounts);
    return taken ? err_set(err, ERR_CONFLICT, "scope_taken",
                           "\"@%s\" belongs to the tenant \"%s\": it cannot be the scope that all "
                           "users share. Choose another --platform-scope.",
                           scope, scope)
                 : 0;
}

/* Versions, and what the uplink keeps. */
static int needs_blob(void *arg, const struct blob_id *id, bool *needed, struct err *err)
{
    static const char sql[] = "SELECT (SELECT count(*) FROM package_version WHERE sha512 = ?1) + "
                              "(SELECT count(*) FROM package_attestation WHERE sha512 = ?1) + "
                              "(SELECT count(*) FROM move_version WHERE sha512 = ?1) + "
                              "(SELECT count(*) FROM stage WHERE sha512 = ?1) + "
                              "(SELECT count(*) FROM uplink_document WHERE sha512 = ?1) + "
                              "(SELECT count(*) FROM uplink_tarball WHERE sha512 = ?1)";
    struct registry *r = arg;
    auto_pool struct pool *pool = pool_new();
    int64_t used = 1;
    auto_read struct db_read read = db_read(r->config.control, err);
    if (read.conn == NULL || db_get(read.conn, pool, err, sql, "b", "i",
                                    text_n(id->sha512, sizeof id->sha512), &used) != 0)
        return -1;
    *needed = used > 0;
    return 0;
}

struct registry *registry_open(const struct registry_config *config, struct err *err)
{
    struct registry *r = xcalloc(1, sizeof *r);
    copy_config(r, config);
    snapshot_slot_init(&r->names);
    pthread_mutex_init(&r->names_lock, NULL);
    r->logins = logins_new();
    r->offline = offline_new(r);
    r->issuers = issuers_new(config->fetcher);
    r->moves = moves_new(config->operations);
    r->downloads = downloads_new(r->config.control);
    r->advisories = advisories_open(r);
    blobs_ask(r->config.blobs, needs_blob, r);
    if ((config->seal != NULL && (r->legacy = legacy_open(r, err)) == NULL) ||
        open_uplinks(r, err) != 0 || open_signing(r, err) != 0 ||
        check_platform_scope(r, err) != 0 || origin_reload(r, err) != 0 ||
        (r->search = search_open(r, err)) == NULL || (r->policy = policy_open(r, err)) == NULL) {
        registry_close(r);
        return NULL;
    }
    return r;
}

void registry_close(struct registry *registry)
{
    struct err err;
    if (registry == NULL)
        return;
    advisories_close(registry->advisories);
    hooks_stop(registry->hooks);
    upkeep_stop(registry->upkeep);
    stock_close(registry->stock);
    picks_stop(registry->picks);
    if (downloads_flush(registry->downloads, &err) != 0)
        log_error("registry", err.text, NULL);
    downloads_free(registry->downloads);
    uplinks_stop(registry->uplinks);
    offline_free(registry->offline);
    uplinks_close(registry->uplinks);
    signing_close(registry->signing);
    logins_free(registry->logins);
    issuers_free(registry->issuers);
    search_close(registry->search);
    policy_close(registry->policy);
    moves_free(registry->moves);
    legacy_close(registry->legacy);
    origin_release(registry);
    pthread_mutex_destroy(&registry->names_lock);
    drop(registry->base);
    drop(registry->config.public_url);
    drop(registry->config.uplink_url);
    drop(registry->config.spool_dir);
    drop(registry->config.platform_scope);
    free(registry);
}

void registry_keep_house(struct registry *registry)
{
    struct err why;
    uplinks_keep_house(registry->uplinks);
    if (outside_learn(registry, &why) != 0)
        log_error("registry", why.text, NULL);
}

void registry_changed(struct registry *registry, const char *tenant, struct text name)
{
    auto_pool struct pool *pool = pool_new();
    ready_drop_prefix(registry->config.ready, text_printf(pool, "npm %.*s ", TEXT_ARG(name)));
    warm_drop(registry->config.warm, name);
    catalogue_changed(registry, tenant);
    search_changed(registry->search);
    hooks_wake(registry->hooks);
    if (registry->config.changed != NULL)
        registry->config.changed(registry->config.arg, tenant, name);
}

int registry_start(struct registry *registry, struct err *err)
{
    const struct registry_config *config = &registry->config;
    struct hooks_config hooks = {.control = config->control,
                                 .seal = config->seal,
                                 .ca_file = config->hook_ca,
                                 .proxy = config->hook_proxy,
                                 .allow_private = config->hook_private,
                                 .retry_ms = config->hook_retry_ms};
    registry->hooks = hooks_start(&hooks, err);
    if (registry->hooks == NULL)
        return -1;
    registry->stock = stock_open(registry);
    registry->picks = picks_start(registry);
    registry->upkeep = upkeep_start(registry);
    return 0;
}

bool registry_has_scope(struct registry *registry, struct text slug)
{
    return origin_has_scope(registry, slug);
}

bool registry_knows_foreign(void *registry, struct text token)
{
    struct registry *r = registry;
    return r->legacy != NULL && legacy_may_be(r->legacy, token);
}

int registry_take_foreign(void *registry, struct pool *pool, struct text token, struct text peer,
                          struct err *err)
{
    struct registry *r = registry;
    return legacy_take(r->legacy, pool, token, peer, err);
}

int registry_routes(struct registry *registry, struct router *router, struct err *err)
{
    if (catalogue_routes(registry, router, err) != 0 ||
        routes_packages(registry, router, err) != 0 ||
        routes_publishing(registry, router, err) != 0 ||
        routes_access(registry, router, err) != 0 || routes_star(registry, router, err) != 0 ||
        team_npm_routes(registry, router, err) != 0 ||
        team_api_routes(registry, router, err) != 0 || routes_users(registry, router, err) != 0 ||
        routes_weblogin(registry, router, err) != 0 || routes_tokens(registry, router, err) != 0 ||
        routes_profile(registry, router, err) != 0 || routes_stage(registry, router, err) != 0 ||
        routes_signature(registry, router, err) != 0 || routes_api(registry, router, err) != 0 ||
        routes_hooks(registry, router, err) != 0 || routes_stock(registry, router, err) != 0 ||
        routes_provenance(registry, router, err) != 0 || routes_quota(registry, router, err) != 0 ||
        routes_uplinks(registry, router, err) != 0 || routes_offline(registry, router, err) != 0 ||
        page_routes(registry, router, err) != 0 || search_routes(registry, router, err) != 0 ||
        routes_moves(registry, router, err) != 0 || advisory_routes(registry, router, err) != 0 ||
        audit_routes(registry, router, err) != 0 || trust_routes(registry, router, err) != 0 ||
        policy_routes(registry, router, err) != 0)
        return -1;
    return routes_rest(registry, router, err);
}
