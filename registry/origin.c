#include "registry/origin.h"

#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/limits.h"
#include "registry/area.h"

#include <stdlib.h>

#define MAX_TENANTS 10000 /* of one person */

struct known {
    struct text name;   /* folded; base NULL: a free place */
    const char *tenant; /* NULL for a scope that is not claimed */
};

/* Claims and scopes in one open table: scopes have an '@' in front, claimed or only used. */
struct names {
    struct snapshot base;
    struct pool *pool;
    struct known *all;
    size_t mask;
};

static void names_free(struct snapshot *s)
{
    struct names *names = (struct names *)s;
    pool_free(names->pool);
    free(names);
}

static struct known *find(struct names *names, struct text name)
{
    for (size_t i = text_hash(name);; i++) {
        struct known *k = &names->all[i & names->mask];
        if (k->name.base == NULL || text_eq(k->name, name))
            return k;
    }
}

static int collect(struct names *names, struct db_conn *conn, struct err *err)
{
    static const char count_sql[] =
        "SELECT (SELECT count(*) FROM package_claim) + (SELECT count(*) FROM package_scope)";
    /* a scope that is claimed stands last, over its mark of being ours */
    static const char each_sql[] = "SELECT '@' || scope, NULL FROM package_scope "
                                   "UNION ALL SELECT name, tenant FROM package_claim";
    int64_t n;
    struct text name, tenant;
    if (db_get(conn, names->pool, err, count_sql, "", "i", &n) != 0)
        return -1;
    for (names->mask = 15; names->mask < (size_t)n * 2; names->mask = names->mask * 2 + 1)
        ;
    names->all = pool_zalloc(names->pool, (names->mask + 1) * sizeof *names->all);
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, each_sql, "") != 0)
        return -1;
    while (db_next(&q, names->pool, "ss", &name, &tenant)) {
        struct text folded = text_lower(names->pool, name);
        *find(names, folded) =
            (struct known){folded, tenant.base != NULL ? text_c(names->pool, tenant) : NULL};
    }
    return q.failed ? -1 : 0;
}

static int reload(struct registry *registry, struct err *err)
{
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    struct names *names = xcalloc(1, sizeof *names);
    snapshot_init(&names->base, names_free);
    names->pool = pool_new();
    if (collect(names, r.conn, err) != 0) {
        snapshot_drop(&names->base);
        return -1;
    }
    snapshot_put(&registry->names, &names->base);
    return 0;
}

int origin_reload(struct registry *registry, struct err *err)
{
    pthread_mutex_lock(&registry->names_lock);
    int failed = reload(registry, err);
    pthread_mutex_unlock(&registry->names_lock);
    return failed;
}

void origin_release(struct registry *registry)
{
    snapshot_put(&registry->names, NULL);
}

static struct origin of_scope(struct registry *registry, struct pool *pool, struct names *names,
                              struct snapshot *accounts, const struct pkgname *name)
{
    struct text scope = text_lower(pool, name->scope);
    bool exact = text_eq(scope, name->scope);
    const char *platform = registry->config.platform_scope;
    const struct account_tenant *tenant = account_tenant_by_slug(accounts, scope);
    if (platform != NULL && text_is(scope, platform))
        return (struct origin){exact ? ORIGIN_PLATFORM : ORIGIN_NOBODY, NULL};
    const struct known *known = find(names, text_printf(pool, "@%.*s", TEXT_ARG(scope)));
    if (known->name.base != NULL && known->tenant != NULL)
        tenant = account_tenant_by_id(accounts, text_of(known->tenant));
    if (tenant != NULL)
        return exact ? (struct origin){ORIGIN_TENANT, pool_strdup(pool, tenant->id)}
                     : (struct origin){ORIGIN_NOBODY, NULL};
    return (struct origin){known->name.base != NULL ? ORIGIN_NOBODY : ORIGIN_PUBLIC, NULL};
}

struct origin origin_of(struct registry *registry, struct pool *pool, struct snapshot *accounts,
                        const struct pkgname *name)
{
    struct names *names = (struct names *)snapshot_take(&registry->names);
    struct origin out = {ORIGIN_PUBLIC, NULL};
    if (name->scope.len > 0) {
        out = of_scope(registry, pool, names, accounts, name);
    } else {
        struct text folded = text_lower(pool, name->full);
        const struct known *claim = find(names, folded);
        if (claim->name.base != NULL && claim->tenant != NULL && text_eq(folded, name->full) &&
            account_tenant_by_id(accounts, text_of(claim->tenant)) != NULL)
            out = (struct origin){ORIGIN_TENANT, pool_strdup(pool, claim->tenant)};
        else if (claim->name.base != NULL)
            out.kind = ORIGIN_NOBODY;
    }
    snapshot_drop(&names->base);
    return out;
}

static bool is_narrowed_to(const struct identity *who, uint32_t scope)
{
    bool is_narrow = who->kind == IDENTITY_TOKEN || who->kind == IDENTITY_TRUSTED;
    return !is_narrow || (who->narrowed & scope) != 0;
}

/* Towards the platform's scope; whose package it is stands in its row. */
static bool may_write_platform(const struct identity *who, uint32_t scope)
{
    if (who->kind == IDENTITY_TRUSTED && who->tenant != NULL)
        return false;
    return (who->user != NULL || who->kind == IDENTITY_TRUSTED) && is_narrowed_to(who, scope);
}

int origin_check_limits(const struct identity *who, const struct origin *origin, struct text name,
                        struct err *err)
{
    if (origin->kind == ORIGIN_PUBLIC || limits_allow_name(who->limits, name))
        return 0;
    return err_set(err, ERR_FORBIDDEN, "token_limited",
                   "This token is limited to other packages than \"%.*s\".", TEXT_ARG(name));
}

bool origin_may_read(const struct registry *registry, const struct identity *who,
                     const struct origin *origin)
{
    switch (origin->kind) {
    case ORIGIN_TENANT:
        return identity_may(who, origin->tenant, SCOPE_PACKAGE_READ);
    case ORIGIN_PLATFORM:
    case ORIGIN_PUBLIC:
        if (who->kind == IDENTITY_ANONYMOUS)
            return registry->config.anonymous_read;
        return is_narrowed_to(who, SCOPE_PACKAGE_READ);
    case ORIGIN_NOBODY:
        break;
    }
    return who->kind != IDENTITY_ANONYMOUS;
}

static struct text names_in_sight(struct pool *pool, const struct identity *who)
{
    struct limits_list names = limits_names(who->limits);
    auto_buf struct buf out = {0};
    struct json_writer w;
    if (names.n == 0)
        return TEXT_NONE;
    buf_init(&out, LIMITS_MOST * 2000);
    json_writer_init(&w, &out);
    json_open_array(&w);
    for (size_t i = 0; i < names.n; i++)
        json_text(&w, names.items[i]);
    json_close_array(&w);
    return buf_take(&out, pool);
}

struct sight origin_sight(const struct registry *registry, struct pool *pool,
                          const struct identity *who)
{
    struct origin platform = {ORIGIN_PLATFORM, NULL};
    struct sight sight = {.all = who->admin && is_narrowed_to(who, SCOPE_PACKAGE_READ) &&
                                 identity_may(who, NULL, SCOPE_PACKAGE_READ),
                          .platform = origin_may_read(registry, who, &platform)};
    auto_buf struct buf ids = {0};
    struct json_writer w;
    buf_init(&ids, MAX_TENANTS * (ACCOUNT_ID + 3));
    json_writer_init(&w, &ids);
    json_open_array(&w);
    if (who->kind == IDENTITY_INSTANCE && identity_may(who, who->tenant, SCOPE_PACKAGE_READ))
        json_str(&w, who->tenant);
    for (size_t i = 0; !sight.all && i < who->n_members && i < MAX_TENANTS; i++)
        if (identity_may(who, who->members[i].tenant, SCOPE_PACKAGE_READ))
            json_str(&w, who->members[i].tenant);
    json_close_array(&w);
    sight.tenants = text_dup(pool, buf_view(&ids));
    sight.names = names_in_sight(pool, who);
    return sight;
}

static int check_change(const struct registry *registry, const struct identity *who,
                        const struct origin *origin, struct text name, uint32_t scope,
                        struct err *err)
{
    if (who->kind == IDENTITY_ANONYMOUS)
        return err_set(err, ERR_UNAUTHORIZED, "unauthorized", "Log in first: npm login.");
    if (origin->kind == ORIGIN_NOBODY ||
        (origin->kind == ORIGIN_TENANT && !origin_may_read(registry, who, origin)))
        return err_set(err, ERR_NOT_FOUND, "package_not_found", "There is no package \"%.*s\".",
                       TEXT_ARG(name));
    if (origin->kind == ORIGIN_PUBLIC)
        return err_set(
            err, ERR_FORBIDDEN, "public_name",
            "\"%.*s\" is not a name of this platform. Publish below your tenant's scope, "
            "@tenant/name, or have an administrator claim the name.",
            TEXT_ARG(name));
    bool may = origin->kind == ORIGIN_TENANT ? identity_may(who, origin->tenant, scope)
                                             : may_write_platform(who, scope);
    if (!may)
        return err_set(err, ERR_FORBIDDEN, "forbidden", "You may not change \"%.*s\".",
                       TEXT_ARG(name));
    return origin_check_limits(who, origin, name, err);
}

int origin_check_write(const struct registry *registry, const struct identity *who,
                       const struct origin *origin, struct text name, struct err *err)
{
    return check_change(registry, who, origin, name, SCOPE_PACKAGE_PUBLISH, err);
}

int origin_check_stage(const struct registry *registry, const struct identity *who,
                       const struct origin *origin, struct text name, struct err *err)
{
    return check_change(registry, who, origin, name, SCOPE_PACKAGE_STAGE, err);
}

bool origin_has_scope(struct registry *registry, struct text scope)
{
    auto_pool struct pool *pool = pool_new();
    struct names *names = (struct names *)snapshot_take(&registry->names);
    const struct known *known = find(names, text_printf(pool, "@%.*s", TEXT_ARG(scope)));
    bool has = known->name.base != NULL && known->tenant != NULL;
    snapshot_drop(&names->base);
    return has;
}
