#include "core/codec.h"
#include "core/err.h"
#include "core/json.h"
#include "http/factor.h"
#include "http/factor_ask.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/login.h"
#include "registry/loginpage.h"
#include "registry/routes.h"

#include <string.h>

static void post_login(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;
    struct text page, poll;
    if (!asked_went_well(c, login_begin(registry->logins, c->pool, c->peer, &page, &poll, &err),
                         &err))
        return;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "loginUrl",
                  text_printf(c->pool, "%s/-/login/%.*s", registry->base, TEXT_ARG(page)));
    json_put_text(&w, "doneUrl",
                  text_printf(c->pool, "%s/-/v1/done/%.*s", registry->base, TEXT_ARG(poll)));
    json_close(&w);
    call_set(c, "cache-control", TEXT("private, no-store"));
    call_json(c, 200, &out);
}

static void get_done(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;
    struct text token = TEXT_NONE;
    enum login_state state = login_poll(registry->logins, c->pool, call_param(c, "id"), &token);
    if (state == LOGIN_UNKNOWN) {
        err_set(&err, ERR_NOT_FOUND, "login_gone", "This login is over. Start again: npm login.");
        call_fail(c, &err);
        return;
    }
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    if (state == LOGIN_DONE)
        json_put_text(&w, "token", token);
    else
        call_set(c, "retry-after", TEXT("1"));
    json_close(&w);
    call_set(c, "cache-control", TEXT("private, no-store"));
    call_json(c, state == LOGIN_DONE ? 200 : 202, &out);
}

static void answer_page(struct call *c, int status, struct buf *out)
{
    call_set(c, "content-security-policy", text_of(loginpage_policy));
    call_set(c, "cache-control", TEXT("private, no-store"));
    call_set(c, "referrer-policy", TEXT("no-referrer"));
    call_set(c, "x-content-type-options", TEXT("nosniff"));
    call_bytes(c, status, "text/html; charset=utf-8", buf_take(out, c->pool));
}

static void answer_end(struct call *c, int status, const char *title, const char *sentence)
{
    auto_buf struct buf out = {0};
    buf_init(&out, 64 << 10);
    loginpage_end(&out, c->host, title, sentence);
    answer_page(c, status, &out);
}

static void answer_gone(struct call *c)
{
    answer_end(c, 404, "This login is over",
               "It was allowed already or took too long. Start again at the command line.");
}

static void answer_form(struct call *c, int status, const struct login_seen *seen,
                        struct text alert)
{
    auto_buf struct buf out = {0};
    bool known = c->who->kind == IDENTITY_SESSION && !c->who->must_change;
    struct loginpage page = {.domain = c->host,
                             .peer = seen->peer,
                             .user = known ? text_of(c->who->name) : TEXT_NONE,
                             .code = seen->name,
                             .change = seen->code,
                             .alert = alert};
    buf_init(&out, 64 << 10);
    loginpage_form(&out, &page);
    answer_page(c, status, &out);
}

static void get_page(struct call *c)
{
    struct registry *registry = c->area;
    struct login_seen seen;
    if (login_find(registry->logins, c->pool, call_param(c, "id"), &seen))
        answer_form(c, 200, &seen, TEXT_NONE);
    else
        answer_gone(c);
}

/* A member of a form's body; absent if it is not there. */
static struct text form_value(struct call *c, const char *name)
{
    struct text rest = c->body, pair, key, value;
    while (text_cut(&rest, '&', &pair)) {
        if (!text_cut(&pair, '=', &key) || !text_is(key, name) || pair.base == NULL)
            continue;
        return percent_decode(c->pool, pair, true, &value) ? value : TEXT_NONE;
    }
    return TEXT_NONE;
}

/* Only the page itself may use the session of who looks at it. */
static bool is_own_form(struct call *c)
{
    const struct registry *registry = c->area;
    struct text origin = call_header(c, "origin");
    if (origin.base != NULL)
        return text_is(origin, registry->config.public_url);
    return text_is(call_header(c, "sec-fetch-site"), "same-origin");
}

/* The page asks for the code next, and for nothing else. */
static int owe_code(struct call *c, struct login_seen *seen, const char *user, struct text name,
                    struct err *err)
{
    struct registry *registry = c->area;
    login_owe(registry->logins, call_param(c, "id"), user, name);
    seen->user = user;
    seen->name = name;
    return err_set(err, ERR_UNAUTHORIZED, "otp_required",
                   "This needs a one-time password of your second factor.");
}

static int make_token(struct call *c, struct login_seen *seen, struct text *token, struct err *err)
{
    struct registry *registry = c->area;
    struct login_classic login = {.name = form_value(c, "user"),
                                  .password = form_value(c, "password")};
    const char *user;
    if (text_is(form_value(c, "use"), "session")) {
        if (c->who->kind != IDENTITY_SESSION || c->who->must_change || !is_own_form(c))
            return err_set(err, ERR_UNAUTHORIZED, "login_needed", "Log in with your password.");
        if (factor_is_due(c->who, false))
            return owe_code(c, seen, c->who->user, text_of(c->who->name), err);
        return login_token(registry, c->pool, c->who->user, token, err);
    }
    if (login.name.len == 0 || login.password.len == 0)
        return err_set(err, ERR_UNAUTHORIZED, "login_needed", "Say your user name and password.");
    if (login_classic(registry, c, &login, &user, token, err) == 0)
        return 0;
    if (user == NULL || strcmp(err->code, "otp_required") != 0)
        return -1;
    return owe_code(c, seen, user, login.name, err);
}

/* What the page is for, once who asks has shown what it takes: a token or a pass. *done: nobody was
 * faster. */
static int allow(struct call *c, struct login_seen *seen, bool *done, struct err *err)
{
    struct registry *registry = c->area;
    struct text page = call_param(c, "id"), token;
    if (seen->user != NULL && factor_ask_user(registry->config.account, c, seen->user, seen->name,
                                              form_value(c, "code"), err) != 0)
        return -1;
    if (seen->code) {
        *done = login_allow_code(registry->logins, page);
        return 0;
    }
    if ((seen->user != NULL ? login_token(registry, c->pool, seen->user, &token, err)
                            : make_token(c, seen, &token, err)) != 0)
        return -1;
    *done = login_allow(registry->logins, page, token);
    if (!*done)
        account_token_remove_value(registry->config.account, token, NULL);
    return 0;
}

static void post_page(struct call *c)
{
    struct registry *registry = c->area;
    struct login_seen seen;
    struct err err;
    bool done = false;
    if (!login_find(registry->logins, c->pool, call_param(c, "id"), &seen)) {
        answer_gone(c);
        return;
    }
    if (allow(c, &seen, &done, &err) != 0) {
        if (err.kind == ERR_INTERNAL)
            call_fail(c, &err);
        else
            answer_form(c, err_status(err.kind), &seen,
                        strcmp(err.code, "otp_required") == 0 ? TEXT_NONE : text_of(err.text));
        return;
    }
    if (!done)
        answer_gone(c);
    else if (seen.code)
        answer_end(c, 200, "Confirmed",
                   "npm goes on. You can close this page and go back to the command line.");
    else
        answer_end(c, 200, "npm is logged in",
                   "You can close this page and go back to the command line.");
}

static const struct route table[] = {
    {.method = "POST",
     .path = "/npm/-/v1/login",
     .handle = post_login,
     .summary = "Begins a web login: the address for the person, the address to poll"},
    {.method = "GET",
     .path = "/npm/-/v1/done/:id",
     .handle = get_done,
     .summary = "202 until the web login was allowed, then the token, once"},
    {.method = "GET",
     .path = "/npm/-/login/:id",
     .handle = get_page,
     .summary = "The page on which a person allows a web login"},
    {.method = "POST",
     .path = "/npm/-/login/:id",
     .handle = post_page,
     .lane = LANE_PASSWORD,
     .summary = "Allows a web login"},
};

int routes_weblogin(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
