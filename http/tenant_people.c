/* Tenants as names, and their members. */
#include "core/db.h"
#include "http/people_part.h"

#define LIST_MAX (4u << 20)

static int count_members(struct people *people, struct pool *pool, const char *tenant, int64_t *n,
                         struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM member WHERE tenant = ?";
    auto_read struct db_read r = db_read(people->config.control, err);

    return r.conn == NULL ? -1 : db_get(r.conn, pool, err, sql, "z", "i", tenant, n);
}

static int write_tenant(struct call *c, struct json_writer *w, const struct account_tenant *t,
                        struct err *err)
{
    struct people *people = c->area;
    enum role role = ROLE_NONE;
    int64_t members = 0;
    long long instances = 0;

    for (size_t m = 0; m < c->who->n_members; m++)
        if (text_is(text_of(t->id), c->who->members[m].tenant))
            role = c->who->members[m].role;
    if (count_members(people, c->pool, t->id, &members, err) != 0 ||
        people->config.count_instances(people->config.arg, t->id, &instances, err) != 0)
        return -1;
    json_open(w);
    json_put_str(w, "slug", t->slug);
    json_put_str(w, "name", t->name);
    json_put_str(w, "role", role == ROLE_NONE ? "admin" : role_name(role));
    json_put_int(w, "instances", instances);
    json_put_int(w, "members", members);
    json_close(w);
    return 0;
}

static void get_tenants(struct call *c)
{
    const struct account_tenant *tenants;
    size_t n;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;

    buf_init(&out, LIST_MAX);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    json_open_array(&w);
    tenants = account_tenants(c->accounts, &n);
    for (size_t i = 0; i < n; i++) {
        if (identity_may(c->who, tenants[i].id, SCOPE_TENANT_READ) &&
            write_tenant(c, &w, &tenants[i], &err) != 0) {
            call_fail(c, &err);
            return;
        }
    }
    json_close_array(&w);
    json_key(&w, "next");
    json_null(&w);
    json_close(&w);
    call_json(c, 200, &out);
}

static void answer_tenant(struct call *c, struct text slug, int status)
{
    struct people *people = c->area;
    struct snapshot *now = account_snapshot(people->config.account);
    const struct account_tenant *t = account_tenant_by_slug(now, slug);
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;

    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    if (t == NULL) {
        err_set(&err, ERR_NOT_FOUND, "tenant_not_found", "There is no such tenant.");
        call_fail(c, &err);
    } else if (write_tenant(c, &w, t, &err) != 0) {
        call_fail(c, &err);
    } else {
        call_json(c, status, &out);
    }
    snapshot_drop(now);
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

static void patch_tenant(struct call *c)
{
    struct people *people = c->area;
    const struct json *doc;
    struct text name;
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "name", &name, &err) != 0 ||
        account_tenant_rename(people->config.account, c->tenant->id, name, &err) != 0)
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

static void get_members(struct call *c)
{
    static const char sql[] =
        "SELECT u.name AS user, u.email AS email, m.role AS role, m.since AS \"since@\""
        " FROM member AS m JOIN user AS u ON u.id = m.user WHERE m.tenant = ?"
        " ORDER BY u.name";
    struct people *people = c->area;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;
    auto_read struct db_read r = db_read(people->config.control, &err);

    buf_init(&out, LIST_MAX);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    if (r.conn == NULL || db_json(&w, r.conn, &err, sql, "z", c->tenant->id) != 0) {
        call_fail(c, &err);
        return;
    }
    json_key(&w, "next");
    json_null(&w);
    json_close(&w);
    call_json(c, 200, &out);
}

static const char *find_user(struct call *c, struct err *err)
{
    const char *user = account_user_by_name(c->accounts, call_param(c, "user"));

    if (user == NULL)
        err_set(err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
    return user;
}

static void put_member(struct call *c)
{
    struct people *people = c->area;
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
    if (account_member_set(people->config.account, c->tenant->id, user, role, &err) != 0)
        goto fail;
    call_empty(c, 204);
    return;
fail:
    call_fail(c, &err);
}

static void delete_member(struct call *c)
{
    struct people *people = c->area;
    struct err err;
    const char *user = find_user(c, &err);

    if (user == NULL ||
        account_member_set(people->config.account, c->tenant->id, user, ROLE_NONE, &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/tenants",
     .handle = get_tenants,
     .who = WHO_USER,
     .summary = "the tenants you may see"},
    {.method = "POST",
     .path = "/api/v1/tenants",
     .handle = post_tenant,
     .who = WHO_ADMIN,
     .summary = "makes a tenant"},
    {.method = "GET",
     .path = "/api/v1/tenants/:tenant",
     .handle = get_tenant,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_READ,
     .summary = "one tenant"},
    {.method = "PATCH",
     .path = "/api/v1/tenants/:tenant",
     .handle = patch_tenant,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "renames a tenant"},
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
     .summary = "the members of a tenant"},
    {.method = "PUT",
     .path = "/api/v1/tenants/:tenant/members/:user",
     .handle = put_member,
     .who = WHO_MEMBER,
     .scope = SCOPE_TENANT_ADMIN,
     .summary = "adds a member or changes their role"},
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
