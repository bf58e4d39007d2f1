/* Users. */
#include "http/people.h"

#include "core/db.h"
#include "http/account_part.h"
#include "http/people_part.h"

#include <stdlib.h>

struct people *people_new(const struct people_config *config)
{
    struct people *people = xcalloc(1, sizeof(*people));

    people->config = *config;
    return people;
}

void people_free(struct people *people)
{
    free(people);
}

void people_put_scopes(struct json_writer *w, uint32_t scopes)
{
    json_key(w, "scopes");
    json_open_array(w);
    for (unsigned bit = 0; scope_name(bit) != NULL; bit++)
        if ((scopes >> bit & 1u) != 0)
            json_str(w, scope_name(bit));
    json_close_array(w);
}

#define USER_COLUMNS                                                                               \
    "name, email, admin AS \"admin?\", must_change AS \"must_change_password?\","                  \
    " created_at AS \"created_at@\", last_login_at AS \"last_login_at@\","                         \
    " (SELECT json_group_array(json_object('slug', t.slug, 'role', m.role)) FROM member AS m"      \
    " JOIN tenant AS t ON t.id = m.tenant WHERE m.user = user.id) AS \"tenants!\""

/* Rows of the query as {"items": […], "next": null}. */
#define answer_rows(c, db, err, sql, ...)                                                          \
    do {                                                                                           \
        auto_buf struct buf rows_out = {0};                                                        \
        struct json_writer rows_w;                                                                 \
        auto_read struct db_read rows_r = db_read((db), (err));                                    \
        buf_init(&rows_out, 8u << 20);                                                             \
        json_writer_init(&rows_w, &rows_out);                                                      \
        json_open(&rows_w);                                                                        \
        json_key(&rows_w, "items");                                                                \
        if (rows_r.conn == NULL ||                                                                 \
            db_json(&rows_w, rows_r.conn, (err), (sql), __VA_ARGS__) != 0) {                       \
            call_fail((c), (err));                                                                 \
            break;                                                                                 \
        }                                                                                          \
        json_key(&rows_w, "next");                                                                 \
        json_null(&rows_w);                                                                        \
        json_close(&rows_w);                                                                       \
        call_json((c), 200, &rows_out);                                                            \
    } while (0)

static void get_users(struct call *c)
{
    static const char sql[] = "SELECT " USER_COLUMNS " FROM user ORDER BY name LIMIT 1000";
    struct people *people = c->area;
    struct err err;

    answer_rows(c, people->config.control, &err, sql, "");
}

/* One user, without the list around it. */
static void answer_user(struct call *c, struct text name, int status)
{
    static const char sql[] = "SELECT " USER_COLUMNS " FROM user WHERE name = ?";
    struct people *people = c->area;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;
    auto_read struct db_read r = db_read(people->config.control, &err);

    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    if (r.conn == NULL || db_json(&w, r.conn, &err, sql, "s", name) != 0) {
        call_fail(c, &err);
        return;
    }
    if (out.len <= 2) {
        err_set(&err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
        call_fail(c, &err);
        return;
    }
    call_bytes(c, status, "application/json",
               text_dup(c->pool, text_sub(buf_view(&out), 1, out.len - 2)));
}

static int read_membership(struct call *c, const struct json *doc, const char **tenant,
                           enum role *role, struct err *err)
{
    struct text slug = TEXT_NONE, name = TEXT("developer");

    *tenant = NULL;
    if (json_want_text(doc, "tenant", &slug, err) != 0 ||
        json_want_text(doc, "role", &name, err) != 0)
        return -1;
    if (slug.base == NULL)
        return 0;
    const struct account_tenant *t = account_tenant_by_slug(c->accounts, slug);
    if (t == NULL)
        return err_set(err, ERR_UNPROCESSABLE, "tenant_not_found", "There is no tenant \"%.*s\".",
                       TEXT_ARG(slug));
    if (!role_parse(name, role))
        return err_set(err, ERR_UNPROCESSABLE, "bad_role",
                       "The role must be owner, developer, viewer or dashboard.");
    *tenant = t->id;
    return 0;
}

static void post_user(struct call *c)
{
    struct people *people = c->area;
    const struct json *doc;
    struct account_user user = {0};
    const char *tenant;
    enum role role = ROLE_NONE;
    char id[ACCOUNT_ID];
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "name", &user.name, &err) != 0 ||
        json_need_text(doc, "password", &user.password, &err) != 0 ||
        json_want_text(doc, "email", &user.email, &err) != 0 ||
        json_want_bool(doc, "admin", &user.admin, &err) != 0 ||
        json_want_bool(doc, "must_change_password", &user.must_change, &err) != 0 ||
        read_membership(c, doc, &tenant, &role, &err) != 0 ||
        account_user_create(people->config.account, &user, id, &err) != 0 ||
        (tenant != NULL &&
         account_member_set(people->config.account, tenant, id, role, &err) != 0)) {
        call_fail(c, &err);
        return;
    }
    answer_user(c, user.name, 201);
}

static void get_user(struct call *c)
{
    answer_user(c, call_param(c, "user"), 200);
}

static void patch_user(struct call *c)
{
    struct people *people = c->area;
    const struct json *doc;
    struct text email = TEXT_NONE;
    bool admin = false;
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_want_text(doc, "email", &email, &err) != 0 ||
        json_want_bool(doc, "admin", &admin, &err) != 0 ||
        account_user_change(people->config.account, call_param(c, "user"), email,
                            json_get(doc, "admin") != NULL ? admin : -1, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    answer_user(c, call_param(c, "user"), 200);
}

static void delete_user(struct call *c)
{
    struct people *people = c->area;
    struct err err;

    if (account_user_remove(people->config.account, call_param(c, "user"), &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

static void post_user_password(struct call *c)
{
    struct people *people = c->area;
    const struct json *doc;
    struct text password;
    bool must_change = true;
    const char *user = account_user_by_name(c->accounts, call_param(c, "user"));
    struct err err;

    if (user == NULL) {
        err_set(&err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
        call_fail(c, &err);
        return;
    }
    if (call_json_body(c, &doc, &err) != 0 ||
        json_need_text(doc, "password", &password, &err) != 0 ||
        json_want_bool(doc, "must_change", &must_change, &err) != 0 ||
        account_password_set(people->config.account, user, password, must_change, NULL, &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/users",
     .handle = get_users,
     .who = WHO_ADMIN,
     .summary = "all users"},
    {.method = "POST",
     .path = "/api/v1/users",
     .handle = post_user,
     .who = WHO_ADMIN,
     .lane = LANE_PASSWORD,
     .summary = "makes a user"},
    {.method = "GET",
     .path = "/api/v1/users/:user",
     .handle = get_user,
     .who = WHO_ADMIN,
     .summary = "one user"},
    {.method = "PATCH",
     .path = "/api/v1/users/:user",
     .handle = patch_user,
     .who = WHO_ADMIN,
     .summary = "changes e-mail or admin"},
    {.method = "DELETE",
     .path = "/api/v1/users/:user",
     .handle = delete_user,
     .who = WHO_ADMIN,
     .summary = "removes a user, their sessions and tokens"},
    {.method = "POST",
     .path = "/api/v1/users/:user/password",
     .handle = post_user_password,
     .who = WHO_ADMIN,
     .lane = LANE_PASSWORD,
     .summary = "sets a user's password"},
};

int people_routes(struct people *people, struct router *router, struct err *err)
{
    if (router_add(router, routes, sizeof(routes) / sizeof(routes[0]), people, err) != 0 ||
        login_routes(people, router, err) != 0 || carry_routes(people, router, err) != 0 ||
        tenant_routes(people, router, err) != 0)
        return -1;
    return token_routes(people, router, err);
}
