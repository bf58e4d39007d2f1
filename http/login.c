/* Sessions at the portal: login, who you are, logout, your password. */
#include "http/factor_ask.h"
#include "http/people_part.h"

#include <string.h>

/* The server decides when a session ends; this is its longest life. */
#define COOKIE_LIFE_S (90 * 86400)

bool people_is_tls(const struct people *people)
{
    return text_starts(text_of(people->config.public_url), "https://");
}

void people_set_cookie(struct call *c, const char *suffix, struct text value, long life_s)
{
    const struct people *people = c->area;

    call_set(c, "set-cookie",
             text_printf(c->pool, "%s%s=%.*s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%ld%s",
                         people->config.cookie_name, suffix, TEXT_ARG(value), life_s,
                         people_is_tls(people) ? "; Secure" : ""));
}

void people_keep_session(struct call *c, struct text cookie)
{
    people_set_cookie(c, "", cookie, COOKIE_LIFE_S);
}

static void write_session(struct json_writer *w, const struct call *c, const struct identity *who)
{
    const struct account_tenant *tenants;
    size_t n;

    json_open(w);
    json_key(w, "user");
    json_open(w);
    json_put_str(w, "name", who->name);
    json_put_str(w, "email", who->email);
    json_put_bool(w, "admin", who->admin);
    json_put_bool(w, "must_change_password", who->must_change);
    json_put_str(w, "second_factor", factor_mode_name(who->factor));
    json_close(w);
    json_key(w, "tenants");
    json_open_array(w);
    tenants = account_tenants(c->accounts, &n);
    for (size_t i = 0; i < n; i++) {
        uint32_t scopes = identity_scopes(who, tenants[i].id);
        enum role role = ROLE_NONE;
        bool lacks = identity_lacks_factor(who, tenants[i].id);
        for (size_t m = 0; m < who->n_members; m++)
            if (strcmp(who->members[m].tenant, tenants[i].id) == 0)
                role = lacks ? who->members[m].withheld : who->members[m].role;
        if (scopes == 0 && !lacks)
            continue;
        json_open(w);
        json_put_str(w, "slug", tenants[i].slug);
        json_put_str(w, "name", tenants[i].name);
        json_put_str(w, "role", role == ROLE_NONE ? "admin" : role_name(role));
        people_put_scopes(w, scopes);
        json_put_bool(w, "needs_second_factor", lacks);
        json_close(w);
    }
    json_close_array(w);
    json_close(w);
}

static void answer_session(struct call *c, const struct identity *who)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 4u << 20);
    json_writer_init(&w, &out);
    write_session(&w, c, who);
    call_json(c, 200, &out);
}

static void post_session(struct call *c)
{
    struct people *people = c->area;
    const struct json *doc;
    struct text name, password, cookie, code;
    const char *user;
    struct identity who;
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "username", &name, &err) != 0 ||
        json_need_text(doc, "password", &password, &err) != 0 ||
        factor_code(c, doc, &code, &err) != 0 ||
        account_login(people->config.account, c->pool, name, password, c->peer, &user, &err) != 0 ||
        factor_ask_user(people->config.account, c, user, name, code, &err) != 0 ||
        account_session_create(people->config.account, c->pool, user, c->host, NULL, &cookie,
                               &err) != 0) {
        call_fail(c, &err);
        return;
    }
    snapshot_drop(c->accounts);
    c->accounts = account_snapshot(people->config.account);
    if (!account_session_find(c->accounts, cookie, text_c(c->pool, c->host), &who)) {
        err_set(&err, ERR_INTERNAL, "no_session", "The new session is not there.");
        call_fail(c, &err);
        return;
    }
    if (who.factor != FACTOR_NONE)
        account_session_note_code(people->config.account, who.credential);
    people_keep_session(c, cookie);
    answer_session(c, &who);
}

static void get_session(struct call *c)
{
    answer_session(c, c->who);
}

static void delete_session(struct call *c)
{
    struct people *people = c->area;
    struct err err;

    if (c->who->kind == IDENTITY_SESSION &&
        account_session_end(people->config.account, c->who->credential, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    people_set_cookie(c, "", TEXT(""), 0);
    call_empty(c, 204);
}

static void post_password(struct call *c)
{
    struct people *people = c->area;
    const struct json *doc;
    struct text old, fresh;
    const char *user;
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "old", &old, &err) != 0 ||
        json_need_text(doc, "new", &fresh, &err) != 0 ||
        account_login(people->config.account, c->pool, text_of(c->who->name), old, c->peer, &user,
                      &err) != 0) {
        if (err.kind == ERR_UNAUTHORIZED)
            err_set(&err, ERR_UNPROCESSABLE, "wrong_password", "The old password is wrong.");
        call_fail(c, &err);
        return;
    }
    if (factor_ask_anew(people->config.account, c, doc, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    if (text_eq(old, fresh))
        err_set(&err, ERR_UNPROCESSABLE, "same_password", "The new password is the old one.");
    else if (account_password_set(people->config.account, user, fresh, false,
                                  c->who->kind == IDENTITY_SESSION ? c->who->credential : NULL,
                                  &err) == 0) {
        call_empty(c, 204);
        return;
    }
    call_fail(c, &err);
}

static const struct route routes[] = {
    {.method = "POST",
     .path = "/api/v1/session",
     .handle = post_session,
     .secret = true,
     .lane = LANE_PASSWORD,
     .summary = "log in",
     .body = "Login",
     .answer = "Session"},
    {.method = "GET",
     .path = "/api/v1/session",
     .handle = get_session,
     .who = WHO_USER,
     .before_change = true,
     .summary = "who you are and what you may",
     .answer = "Session"},
    {.method = "DELETE",
     .path = "/api/v1/session",
     .handle = delete_session,
     .who = WHO_USER,
     .before_change = true,
     .summary = "log out"},
    {.method = "POST",
     .path = "/api/v1/session/password",
     .handle = post_password,
     .secret = true,
     .who = WHO_USER,
     .lane = LANE_PASSWORD,
     .before_change = true,
     .summary = "change your password",
     .body = "PasswordChange"},
};

int login_routes(struct people *people, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), people, err);
}
