/* Sessions: login at the portal, tickets that carry it to instances' hosts, logout. */
#include "core/codec.h"
#include "http/hosts.h"
#include "http/people_part.h"

#include <string.h>

#define COOKIE_LIFE_S (30 * 86400)

static bool is_tls(const struct people *people)
{
    return text_starts(text_of(people->config.public_url), "https://");
}

static void set_cookie(struct call *c, const struct people *people, struct text value, long life_s)
{
    call_set(c, "set-cookie",
             text_printf(c->pool, "%s%s=%.*s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%ld%s",
                         is_tls(people) ? "__Host-" : "", people->config.cookie_name,
                         TEXT_ARG(value), life_s, is_tls(people) ? "; Secure" : ""));
}

static void write_session(struct json_writer *w, const struct call *c, const struct identity *who)
{
    const struct account_tenant *tenants;
    size_t n;

    json_open(w);
    json_key(w, "user");
    json_open(w);
    json_put_str(w, "name", who->name);
    json_put_bool(w, "admin", who->admin);
    json_put_bool(w, "must_change_password", who->must_change);
    json_close(w);
    json_key(w, "tenants");
    json_open_array(w);
    tenants = account_tenants(c->accounts, &n);
    for (size_t i = 0; i < n; i++) {
        uint32_t scopes = identity_scopes(who, tenants[i].id);
        enum role role = ROLE_NONE;
        for (size_t m = 0; m < who->n_members; m++)
            if (strcmp(who->members[m].tenant, tenants[i].id) == 0)
                role = who->members[m].role;
        if (scopes == 0)
            continue;
        json_open(w);
        json_put_str(w, "slug", tenants[i].slug);
        json_put_str(w, "name", tenants[i].name);
        json_put_str(w, "role", role == ROLE_NONE ? "admin" : role_name(role));
        people_put_scopes(w, scopes);
        json_close(w);
    }
    json_close_array(w);
    json_close(w);
}

static void answer_session(struct call *c, const struct identity *who)
{
    auto_buf struct buf out;
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
    struct text name, password, cookie;
    const char *user;
    struct identity who;
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "username", &name, &err) != 0 ||
        json_need_text(doc, "password", &password, &err) != 0 ||
        account_login(people->config.account, c->pool, name, password, c->peer, &user, &err) != 0 ||
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
    set_cookie(c, people, cookie, COOKIE_LIFE_S);
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
    set_cookie(c, people, TEXT(""), 0);
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
    if (text_eq(old, fresh))
        err_set(&err, ERR_UNPROCESSABLE, "same_password", "The new password is the old one.");
    else if (account_password_set(people->config.account, user, fresh, false, &err) == 0) {
        call_empty(c, 204);
        return;
    }
    call_fail(c, &err);
}

/* From the portal to an instance's host and back. */

/* The host (with port) and the path of an absolute http(s) address on one of our instances' hosts.
 */
static bool parse_target(struct call *c, struct text to, struct text *host, struct text *path)
{
    struct people *people = c->area;
    bool tls = text_starts(to, "https://");
    size_t slash;

    if (!tls && !text_starts(to, "http://"))
        return false;
    if (tls != is_tls(people) || !text_is_printable(to) || text_has(to, '\\') || text_has(to, ' '))
        return false;
    struct text rest = text_sub(to, tls ? 8 : 7, to.len);
    slash = text_find(rest, '/', 0);
    *host = text_sub(rest, 0, slash == SIZE_MAX ? rest.len : slash);
    *path = slash == SIZE_MAX ? TEXT("/") : text_sub(rest, slash, rest.len);
    size_t colon = text_find(*host, ':', 0);
    struct text name = colon == SIZE_MAX ? *host : text_sub(*host, 0, colon);
    struct snapshot *hosts = hosts_take(people->config.hosts);
    bool ours = hosts != NULL && hosts_find(hosts, text_lower(c->pool, name)) != NULL;
    snapshot_drop(hosts);
    return ours && !text_has(*host, '@');
}

static void get_ticket(struct call *c)
{
    struct people *people = c->area;
    struct text to = call_query(c, "to"), host, path;
    struct err err;

    if (!parse_target(c, to, &host, &path)) {
        err_set(&err, ERR_INVALID, "bad_target", "That is no address of an instance.");
        call_fail(c, &err);
        return;
    }
    if (c->who->kind != IDENTITY_SESSION) {
        call_redirect(c, 302,
                      text_printf(c->pool, "%s/login?to=%.*s", people->config.public_url,
                                  TEXT_ARG(percent_encode(c->pool, to))));
        return;
    }
    struct text ticket =
        account_ticket_make(people->config.account, c->pool, c->who->credential, host);
    call_redirect(c, 302,
                  text_printf(c->pool, "%s://%.*s/.redhouse/session?ticket=%.*s&to=%.*s",
                              is_tls(people) ? "https" : "http", TEXT_ARG(host), TEXT_ARG(ticket),
                              TEXT_ARG(percent_encode(c->pool, path))));
}

/* A path on this host: "/" and no second slash or backslash, which browsers would read as another
 * host. */
static struct text local_path(struct call *c)
{
    struct text to = call_query(c, "to");

    if (to.len == 0 || to.base[0] != '/' || !text_is_printable(to) ||
        (to.len > 1 && (to.base[1] == '/' || to.base[1] == '\\')))
        return TEXT("/");
    return to;
}

static void get_login(struct call *c)
{
    struct people *people = c->area;
    struct text to = text_printf(c->pool, "%s://%.*s%.*s", is_tls(people) ? "https" : "http",
                                 TEXT_ARG(c->host), TEXT_ARG(local_path(c)));

    call_redirect(c, 302,
                  text_printf(c->pool, "%s/.redhouse/ticket?to=%.*s", people->config.public_url,
                              TEXT_ARG(percent_encode(c->pool, to))));
}

static void get_instance_session(struct call *c)
{
    struct people *people = c->area;
    const char *user, *parent;
    struct text cookie;
    struct err err;

    if (!account_ticket_take(people->config.account, c->pool, call_query(c, "ticket"), c->host,
                             &user, &parent)) {
        /* Used or too old: another round through the portal is quick. */
        get_login(c);
        return;
    }
    if (account_session_create(people->config.account, c->pool, user, c->host, parent, &cookie,
                               &err) != 0) {
        call_fail(c, &err);
        return;
    }
    set_cookie(c, people, cookie, COOKIE_LIFE_S);
    call_redirect(c, 302, local_path(c));
}

static void logout(struct call *c)
{
    struct people *people = c->area;
    struct err err;

    if (c->who->kind == IDENTITY_SESSION) {
        const char *parent =
            account_session_parent(people->config.account, c->pool, c->who->credential);
        if (account_session_end(people->config.account,
                                parent != NULL ? parent : c->who->credential, &err) != 0) {
            call_fail(c, &err);
            return;
        }
    }
    set_cookie(c, people, TEXT(""), 0);
    call_redirect(c, 303, text_printf(c->pool, "%s/login", people->config.public_url));
}

static void get_state(struct call *c)
{
    static const char *const names[] = {[HOST_STOPPED] = "stopped",
                                        [HOST_STARTING] = "starting",
                                        [HOST_RUNNING] = "running",
                                        [HOST_ASLEEP] = "asleep",
                                        [HOST_FAILED] = "failed"};
    auto_buf struct buf out;
    struct json_writer w;

    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "state", c->instance != NULL ? names[c->instance->state] : NULL);
    json_put_str(&w, "cause", c->instance != NULL ? c->instance->cause : NULL);
    json_close(&w);
    call_json(c, 200, &out);
}

#define INSTANCE_FACES (FACE_EDITOR | FACE_APP)

static const struct route routes[] = {
    {.method = "POST",
     .path = "/api/v1/session",
     .handle = post_session,
     .lane = LANE_PASSWORD,
     .summary = "log in"},
    {.method = "GET",
     .path = "/api/v1/session",
     .handle = get_session,
     .who = WHO_USER,
     .before_change = true,
     .summary = "who you are and what you may"},
    {.method = "DELETE",
     .path = "/api/v1/session",
     .handle = delete_session,
     .who = WHO_USER,
     .before_change = true,
     .summary = "log out"},
    {.method = "POST",
     .path = "/api/v1/session/password",
     .handle = post_password,
     .who = WHO_USER,
     .lane = LANE_PASSWORD,
     .before_change = true,
     .summary = "change your password"},
    {.method = "GET",
     .path = "/.redhouse/ticket",
     .handle = get_ticket,
     .summary = "carry your session to an instance"},
    {.method = "GET",
     .path = "/.redhouse/login",
     .handle = get_login,
     .faces = INSTANCE_FACES,
     .summary = "log in through the portal"},
    {.method = "GET",
     .path = "/.redhouse/session",
     .handle = get_instance_session,
     .faces = INSTANCE_FACES,
     .summary = "take a ticket"},
    {.method = "GET",
     .path = "/.redhouse/logout",
     .handle = logout,
     .faces = INSTANCE_FACES,
     .summary = "log out here and at the portal"},
    {.method = "GET",
     .path = "/.redhouse/state",
     .handle = get_state,
     .faces = INSTANCE_FACES,
     .summary = "the state of this instance, for its waiting page"},
};

int login_routes(struct people *people, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), people, err);
}
