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
    pthread_mutex_init(&people->changing, NULL);
    return people;
}

void people_free(struct people *people)
{
    if (people == NULL)
        return;
    pthread_mutex_destroy(&people->changing);
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
    " EXISTS (SELECT 1 FROM factor AS f WHERE f.user = user.id AND f.pending = 0)"                 \
    " AS \"second_factor?\","                                                                      \
    " created_at AS \"created_at@\", last_login_at AS \"last_login_at@\","                         \
    " (SELECT json_group_array(json_object('slug', t.slug, 'role', m.role)) FROM member AS m"      \
    " JOIN tenant AS t ON t.id = m.tenant WHERE m.user = user.id) AS \"tenants!\""
#define USERS_FROM                                                                                 \
    " FROM user WHERE name > ?2"                                                                   \
    " AND (?4 IS NULL OR instr(name, ?4) > 0 OR instr(coalesce(email, ''), ?4) > 0)"               \
    " ORDER BY name"

static void get_users(struct call *c)
{
    static const struct people_list list = {"SELECT " USER_COLUMNS USERS_FROM " LIMIT ?3",
                                            "SELECT name" USERS_FROM " LIMIT 2 OFFSET ?3 - 1"};

    people_answer_list(c, &list, NULL);
}

/* One user as JSON. */
static int write_user(struct call *c, struct text name, struct buf *out, struct err *err)
{
    static const char sql[] = "SELECT " USER_COLUMNS " FROM user WHERE name = ?";
    struct people *people = c->area;
    auto_buf struct buf rows = {0};
    struct json_writer w;
    auto_read struct db_read r = db_read(people->config.control, err);

    buf_init(&rows, 1u << 20);
    json_writer_init(&w, &rows);
    if (r.conn == NULL || db_json(&w, r.conn, err, sql, "s", name) != 0)
        return -1;
    if (rows.len <= 2)
        return err_set(err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
    /* without the array around it */
    buf_text(out, text_sub(buf_view(&rows), 1, rows.len - 2));
    return 0;
}

static void answer_user(struct call *c, struct text name, int status)
{
    auto_buf struct buf out = {0};
    struct err err;

    buf_init(&out, 1u << 20);
    if (write_user(c, name, &out, &err) != 0)
        call_fail(c, &err);
    else
        people_answer_object(c, status, &out);
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
        json_want_text(doc, "password_hash", &user.hash, &err) != 0 ||
        (user.hash.base == NULL && json_need_text(doc, "password", &user.password, &err) != 0) ||
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

static int change_user(struct call *c, struct err *err)
{
    struct people *people = c->area;
    const struct json *doc, *admin_node;
    struct text email = TEXT_NONE, name = call_param(c, "user");
    auto_buf struct buf now = {0};
    bool admin = false;

    buf_init(&now, 1u << 20);
    if (call_json_body(c, &doc, err) != 0 || json_want_text(doc, "email", &email, err) != 0 ||
        json_want_bool(doc, "admin", &admin, err) != 0 || write_user(c, name, &now, err) != 0 ||
        people_check_match(c, &now, err) != 0)
        return -1;
    admin_node = json_get(doc, "admin");
    return account_user_change(people->config.account, name, email,
                               admin_node != NULL && admin_node->type == JSON_BOOL ? admin : -1,
                               err);
}

static void patch_user(struct call *c)
{
    struct people *people = c->area;
    struct err err;

    pthread_mutex_lock(&people->changing);
    int rc = change_user(c, &err);
    pthread_mutex_unlock(&people->changing);
    if (rc != 0)
        call_fail(c, &err);
    else
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
     .summary = "all users",
     .query = "limit cursor filter",
     .answer = "[User]"},
    {.method = "POST",
     .path = "/api/v1/users",
     .handle = post_user,
     .who = WHO_ADMIN,
     .lane = LANE_PASSWORD,
     .summary = "makes a user",
     .body = "NewUser",
     .answer = "User",
     .status = 201},
    {.method = "GET",
     .path = "/api/v1/users/:user",
     .handle = get_user,
     .who = WHO_ADMIN,
     .summary = "one user",
     .answer = "User"},
    {.method = "PATCH",
     .path = "/api/v1/users/:user",
     .handle = patch_user,
     .who = WHO_ADMIN,
     .summary = "changes e-mail or admin",
     .query = "if-match",
     .body = "UserChange",
     .answer = "User"},
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
     .summary = "sets a user's password",
     .body = "PasswordSet"},
};

int people_routes(struct people *people, struct router *router, struct err *err)
{
    if (router_add(router, routes, sizeof(routes) / sizeof(routes[0]), people, err) != 0 ||
        login_routes(people, router, err) != 0 || carry_routes(people, router, err) != 0 ||
        me_routes(people, router, err) != 0 || tenant_routes(people, router, err) != 0)
        return -1;
    return token_routes(people, router, err);
}
