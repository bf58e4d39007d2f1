#include "registry/token_wish.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/json.h"
#include "http/call.h"
#include "registry/login.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)
#define MAX_DAYS 3650
#define BAD_PERMISSION ERR_UNPROCESSABLE, "bad_permission"

static const struct {
    const char *name;
    uint32_t packages, tenants;
} permissions[] = {
    {"no-access", 0, 0},
    {"read-only", SCOPE_PACKAGE_READ, SCOPE_TENANT_READ},
    {"read-write", LOGIN_SCOPES, SCOPE_TENANT_READ | SCOPE_TENANT_ADMIN},
    {"read-write-stage-only", SCOPE_PACKAGE_READ | SCOPE_PACKAGE_STAGE, 0},
};
#define N_PERMISSIONS (sizeof(permissions) / sizeof(permissions[0]))

static bool has_items(const struct json *doc, const char *key)
{
    const struct json *list = json_get(doc, key);
    return list != NULL && list->count > 0;
}

/* What is not asked for: npm 10 knows read-only or not; who speaks of organisations only wants
 * nothing of packages. */
static int read_package_rights(const struct json *doc, uint32_t *rights, struct err *err)
{
    struct text name = TEXT_NONE;
    bool read_only = false, all = false;
    if (json_want_text(doc, "packages_and_scopes_permission", &name, err) != 0 ||
        json_want_bool(doc, "packages_all", &all, err) != 0 ||
        json_want_bool(doc, "readonly", &read_only, err) != 0)
        return -1;
    bool named = has_items(doc, "packages") || has_items(doc, "scopes");
    if (all && named)
        return err_set(err, ERR_UNPROCESSABLE, "bad_limit",
                       "Give packages and scopes, or packages-all, not both.");
    if (name.len == 0 && !all && !named && !read_only && json_get(doc, "orgs_permission") != NULL) {
        *rights = 0;
        return 0;
    }
    if (name.len == 0)
        name = read_only ? TEXT("read-only") : TEXT("read-write");
    for (size_t i = 0; i < N_PERMISSIONS; i++) {
        if (text_is(name, permissions[i].name)) {
            *rights = permissions[i].packages;
            if (read_only)
                *rights &= (uint32_t)SCOPE_PACKAGE_READ;
            return 0;
        }
    }
    return err_set(err, BAD_PERMISSION,
                   "packages-and-scopes-permission is read-only, read-write, "
                   "read-write-stage-only or no-access.");
}

static int read_tenant_rights(const struct json *doc, uint32_t *rights, struct err *err)
{
    struct text name = TEXT_NONE;
    if (json_want_text(doc, "orgs_permission", &name, err) != 0)
        return -1;
    if (name.len == 0)
        name = has_items(doc, "orgs") ? TEXT("read-only") : TEXT("no-access");
    for (size_t i = 0; i < N_PERMISSIONS - 1; i++) {
        if (text_is(name, permissions[i].name)) {
            *rights |= permissions[i].tenants;
            return 0;
        }
    }
    return err_set(err, BAD_PERMISSION, "orgs-permission is read-only, read-write or no-access.");
}

static int read_names(struct pool *pool, const struct json *doc, struct limits_list *out,
                      struct err *err)
{
    struct limits_list packages, scopes;
    if (limits_list_read(pool, doc, "packages", &packages, err) != 0 ||
        limits_list_read(pool, doc, "scopes", &scopes, err) != 0)
        return -1;
    struct text *names = pool_alloc(pool, (packages.n + scopes.n + 1) * sizeof(*names));
    for (size_t i = 0; i < packages.n; i++)
        names[i] = packages.items[i];
    for (size_t i = 0; i < scopes.n; i++) {
        struct text scope = scopes.items[i];
        if (scope.len == 0 || text_has(scope, '/'))
            return err_set(err, ERR_UNPROCESSABLE, "bad_limit", "A scope is written @name.");
        names[packages.n + i] = text_printf(pool, "%s%.*s/*", text_starts(scope, "@") ? "" : "@",
                                            TEXT_ARG(text_sub(scope, 0, 214)));
    }
    *out = (struct limits_list){names, packages.n + scopes.n};
    return 0;
}

static int read_orgs(struct call *c, const struct json *doc, struct limits_list *out,
                     struct err *err)
{
    struct limits_list slugs;
    if (limits_list_read(c->pool, doc, "orgs", &slugs, err) != 0)
        return -1;
    struct text *ids = pool_alloc(c->pool, (slugs.n + 1) * sizeof(*ids));
    for (size_t i = 0; i < slugs.n; i++) {
        struct text slug = slugs.items[i];
        if (text_starts(slug, "@"))
            slug = text_sub(slug, 1, slug.len);
        const struct account_tenant *t = account_tenant_by_slug(c->accounts, slug);
        bool inside = t != NULL && c->who->admin;
        for (size_t k = 0; t != NULL && k < c->who->n_members; k++)
            inside = inside || strcmp(c->who->members[k].tenant, t->id) == 0;
        if (!inside)
            return err_set(err, ERR_UNPROCESSABLE, "bad_limit",
                           "There is no organisation \"%.*s\" that you are in.",
                           TEXT_ARG(text_sub(slug, 0, 60)));
        ids[i] = text_of(t->id);
    }
    *out = (struct limits_list){ids, slugs.n};
    return 0;
}

static int read_days(const struct json *doc, int64_t *expires_ms, struct err *err)
{
    int64_t days = 0;
    if (json_want_int(doc, "expires", &days, err) != 0)
        return -1;
    if (days < 0 || days > MAX_DAYS)
        return err_set(err, ERR_UNPROCESSABLE, "bad_expiry", "A token lasts 1 to %d days.",
                       MAX_DAYS);
    *expires_ms = days > 0 ? clock_wall_ms() + days * DAY_MS : 0;
    return 0;
}

int token_wish_read(struct call *c, const struct json *doc, struct token_wish *wish,
                    struct err *err)
{
    struct account_token *spec = &wish->spec;
    struct limits_spec *limits = &wish->limits;
    *wish = (struct token_wish){0};
    spec->user = c->who->user;
    spec->limits = limits;
    if (json_need_text(doc, "password", &wish->password, err) != 0 ||
        json_want_text(doc, "name", &spec->label, err) != 0 ||
        json_want_text(doc, "description", &spec->description, err) != 0 ||
        json_want_bool(doc, "bypass_2fa", &limits->bypass_2fa, err) != 0 ||
        limits_list_read(c->pool, doc, has_items(doc, "cidr") ? "cidr" : "cidr_whitelist",
                         &limits->addresses, err) != 0 ||
        read_names(c->pool, doc, &limits->names, err) != 0 ||
        read_orgs(c, doc, &limits->tenants, err) != 0 ||
        read_package_rights(doc, &spec->scopes, err) != 0 ||
        read_tenant_rights(doc, &spec->scopes, err) != 0 ||
        read_days(doc, &spec->expires_ms, err) != 0)
        return -1;
    if (spec->scopes == 0)
        return err_set(err, BAD_PERMISSION, "A token without any access is of no use.");
    if (spec->label.len == 0)
        spec->label = TEXT("npm token");
    return 0;
}
