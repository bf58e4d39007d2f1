/* Tenants as names, and their members. */
#include "core/db.h"
#include "http/people_part.h"

#include <string.h>

#define LIST_MAX (4u << 20)

static int read_counts(struct people *people, struct pool *pool, const char *tenant,
                       int64_t *members, int64_t *created, struct err *err)
{
    static const char sql[] = "SELECT created_at,"
                              " (SELECT count(*) FROM member WHERE tenant = tenant.id)"
                              " FROM tenant WHERE id = ?";
    auto_read struct db_read r = db_read(people->config.control, err);

    return r.conn == NULL ? -1
                          : db_get(r.conn, pool, err, sql, "z", "ii", tenant, created, members);
}

static int write_tenant(struct call *c, struct json_writer *w, const struct account_tenant *t,
                        struct err *err)
{
    struct people *people = c->area;
    enum role role = identity_role(c->who, t->id);
    int64_t members = 0, created = 0;
    long long instances = 0;

    if (read_counts(people, c->pool, t->id, &members, &created, err) != 0 ||
        people->config.count_instances(people->config.arg, t->id, &instances, err) != 0)
        return -1;
    json_open(w);
    json_put_str(w, "slug", t->slug);
    json_put_str(w, "name", t->name);
    json_put_str(w, "role", role == ROLE_NONE ? "admin" : role_name(role));
    json_put_int(w, "instances", instances);
    json_put_int(w, "members", members);
    json_put_bool(w, "require_second_factor", t->require_factor);
    json_put_time(w, "created_at", created);
    json_close(w);
    return 0;
}

static bool is_wanted(const struct call *c, const struct account_tenant *t, struct text cursor,
                      struct text filter)
{
    struct text slug = text_of(t->slug), name = text_of(t->name);

    return (cursor.base == NULL || text_cmp(slug, cursor) > 0) &&
           (filter.len == 0 || memmem(slug.base, slug.len, filter.base, filter.len) != NULL ||
            memmem(name.base, name.len, filter.base, filter.len) != NULL) &&
           identity_may(c->who, t->id, SCOPE_TENANT_READ);
}

static void get_tenants(struct call *c)
{
    const struct account_tenant *tenants;
    size_t n;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct text cursor, last = TEXT_NONE, next = TEXT_NONE, filter = call_query(c, "filter");
    int64_t limit;
    struct err err;

    if (call_page(c, &limit, &cursor, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    buf_init(&out, LIST_MAX);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    json_open_array(&w);
    tenants = account_tenants(c->accounts, &n);
    for (size_t i = 0; i < n; i++) {
        if (!is_wanted(c, &tenants[i], cursor, filter))
            continue;
        if (limit-- == 0) {
            next = last;
            break;
        }
        if (write_tenant(c, &w, &tenants[i], &err) != 0) {
            call_fail(c, &err);
            return;
        }
        last = text_of(tenants[i].slug);
    }
    people_end_list(c, &w, next);
}

/* As it is now, which the call's own view of the accounts need not know yet. */
static int write_tenant_now(struct call *c, struct text slug, struct buf *out, struct err *err)
{
    struct people *people = c->area;
    struct snapshot *now = account_snapshot(people->config.account);
    const struct account_tenant *t = account_tenant_by_slug(now, slug);
    struct json_writer w;

    json_writer_init(&w, out);
    int rc = t != NULL
                 ? write_tenant(c, &w, t, err)
                 : err_set(err, ERR_NOT_FOUND, "tenant_not_found", "There is no such tenant.");
    snapshot_drop(now);
    return rc;
}

static void answer_tenant(struct call *c, struct text slug, int status)
{
    auto_buf struct buf out = {0};
    struct err err;

    buf_init(&out, 1u << 16);
    if (write_tenant_now(c, slug, &out, &err) != 0)
        call_fail(c, &err);
    else
        people_answer_object(c, status, &out);
}

/* A tenant's packages are private, those of the shared scope are not: one name cannot be both. */
static int check_not_shared(const struct people *people, struct text slug, struct err *err)
{
    const char *shared = people->config.shared_scope;

    if (people->config.has_scope != NULL && people->config.has_scope(people->config.arg, slug))
        return err_set(err, ERR_CONFLICT, "slug_reserved",
                       "The npm scope \"@%.*s\" belongs to another tenant; choose another slug.",
                       TEXT_ARG(slug));
    if (shared == NULL || !text_is(slug, shared + (shared[0] == '@')))
        return 0;
    return err_set(err, ERR_CONFLICT, "slug_reserved",
                   "\"@%.*s\" is the npm scope that all users share; choose another slug.",
                   TEXT_ARG(slug));
}

static void post_tenant(struct call *c)
{
    struct people *people = c->area;
    const struct json *doc;
    struct text slug, name = TEXT_NONE;
    char id[ACCOUNT_ID];
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "slug", &slug, &err) != 0 ||
        json_want_text(doc, "name", &name, &err) != 0 ||
        check_not_shared(people, slug, &err) != 0 ||
        account_tenant_create(people->config.account, slug, name.len > 0 ? name : slug, id, &err) !=
            0)
        call_fail(c, &err);
    else
        answer_tenant(c, slug, 201);
}

static void get_tenant(struct call *c)
{
    answer_tenant(c, call_param(c, "tenant"), 200);
}

static int change_tenant(struct call *c, struct err *err)
{
    struct people *people = c->area;
    const struct json *doc, *node;
    struct text name = TEXT_NONE;
    bool require = false;
    auto_buf struct buf now = {0};

    buf_init(&now, 1u << 16);
    if (call_json_body(c, &doc, err) != 0 || json_want_text(doc, "name", &name, err) != 0 ||
        json_want_bool(doc, "require_second_factor", &require, err) != 0 ||
        write_tenant_now(c, call_param(c, "tenant"), &now, err) != 0 ||
        people_check_match(c, &now, err) != 0)
        return -1;
    node = json_get(doc, "require_second_factor");
    bool says = node != NULL && node->type == JSON_BOOL;
    if (name.base == NULL && !says)
        return err_set(err, ERR_INVALID, "missing_field",
                       "Say a name, or whether to require a second factor.");
    /* Who locks the door is inside. */
    if (require && c->who->user != NULL && !c->who->admin && c->who->factor == FACTOR_NONE)
        return err_set(err, ERR_UNPROCESSABLE, "own_factor_first",
                       "Set up your own second factor first: you could not get in any more.");
    return account_tenant_change(people->config.account, c->tenant->id, name, says ? require : -1,
                                 err);
}

static void patch_tenant(struct call *c)
{
    struct people *people = c->area;
    struct err err;

    pthread_mutex_lock(&people->changing);
    int rc = change_tenant(c, &err);
    pthread_mutex_unlock(&people->changing);
    if (rc != 0)
        call_fail(c, &err);
    else
        answer_tenant(c, call_param(c, "tenant"), 200);
}

static void delete_tenant(struct call *c)
{
    struct people *people = c->area;
    struct err err;

    if (people->config.remove_tenant(people->config.arg, c->tenant->id, &err) != 0 ||
        account_tenant_remove(people->config.account, c->tenant->id, &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

#define MEMBER_COLUMNS "u.name AS user, u.email AS email, m.role AS role, m.since AS \"since@\""
#define MEMBERS_FROM                                                                               \
    " FROM member AS m JOIN user AS u ON u.id = m.user WHERE m.tenant = ?1 AND u.name > ?2"        \
    " AND (?4 IS NULL OR instr(u.name, ?4) > 0) ORDER BY u.name"

static void get_members(struct call *c)
{
    static const struct people_list list = {"SELECT " MEMBER_COLUMNS MEMBERS_FROM " LIMIT ?3",
                                            "SELECT u.name" MEMBERS_FROM " LIMIT 2 OFFSET ?3 - 1"};

    people_answer_list(c, &list, c->tenant->id);
}

static void answer_member(struct call *c, const char *user)
{
    static const char sql[] =
        "SELECT " MEMBER_COLUMNS " FROM member AS m JOIN user AS u ON u.id = m.user"
        " WHERE m.tenant = ? AND m.user = ?";
    struct people *people = c->area;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;
    auto_read struct db_read r = db_read(people->config.control, &err);

    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    if (r.conn == NULL || db_json(&w, r.conn, &err, sql, "zz", c->tenant->id, user) != 0)
        call_fail(c, &err);
    else
        call_bytes(c, 200, "application/json",
                   text_dup(c->pool, text_sub(buf_view(&out), 1, out.len - 2)));
}

static const char *find_user(struct call *c, struct err *err)
{
    const char *user = account_user_by_name(c->accounts, call_param(c, "user"));

    if (user == NULL)
        err_set(err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
    return user;
}

static int set_member(struct call *c, const char *user, enum role role, struct err *err)
{
    struct people *people = c->area;
    struct account_member_change change = {c->who, c->tenant->id, user, role};

    return account_member_change(people->config.account, c->pool, &change, err);
}

static void put_member(struct call *c)
{
    const struct json *doc;
    struct text name;
    enum role role;
    struct err err;
    const char *user = find_user(c, &err);

    if (user == NULL || call_json_body(c, &doc, &err) != 0 ||
        json_need_text(doc, "role", &name, &err) != 0)
        goto fail;
    if (!role_parse(name, &role)) {
        err_set(&err, ERR_UNPROCESSABLE, "bad_role",
                "The role must be owner, developer, viewer or dashboard.");
        goto fail;
    }
    if (set_member(c, user, role, &err) != 0)
        goto fail;
    answer_member(c, user);
    return;
fail:
    call_fail(c, &err);
}

static void delete_member(struct call *c)
{
    struct err err;
    const char *user = find_user(c, &err);

    if (user == NULL || set_member(c, user, ROLE_NONE, &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/tenants",
     .handle = get_tenants,
     .who = WHO_USER,
     .summary = "the tenants you may see",
     .query = "limit cursor filter",
     .answer = "[Tenant]"},
    {.method = "POST",
     .path = "/api/v1/tenants",
     .handle = post_tenant,
     .who = WHO_ADMIN,
     .summary = "makes a tenant",
     .body = "NewTenant",
     .answer = "Tenant",
     .status = 201},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant",
     .handle = get_tenant,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "one tenant",
     .answer = "Tenant"},
    {.method = "PATCH",
     .path = "/api/v1/tenants/:tenant",
     .handle = patch_tenant,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "renames a tenant, or asks its members for a second factor",
     .query = "if-match",
     .body = "TenantChange",
     .answer = "Tenant"},
    {.method = "DELETE",
     .path = "/api/v1/tenants/:tenant",
     .handle = delete_tenant,
     .who = WHO_ADMIN,
     .summary = "removes a tenant that has no instances"},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant/members",
     .handle = get_members,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "the members of a tenant",
     .query = "limit cursor filter",
     .answer = "[Member]"},
    {.method = "PUT",
     .path = "/api/v1/tenants/:tenant/members/:user",
     .handle = put_member,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "adds a member or changes their role",
     .body = "MemberRole",
     .answer = "Member"},
    {.method = "DELETE",
     .path = "/api/v1/tenants/:tenant/members/:user",
     .handle = delete_member,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "removes a member"},
};

int tenant_routes(struct people *people, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), people, err);
}
