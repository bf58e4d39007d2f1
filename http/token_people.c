/* Tokens of the API. */
#include "core/clock.h"
#include "http/people_part.h"

static void get_tokens(struct call *c)
{
    struct people *people = c->area;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;

    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    if (account_tokens_json(people->config.account, c->who->user != NULL ? c->who->user : "", &w,
                            &err) != 0) {
        call_fail(c, &err);
        return;
    }
    json_key(&w, "next");
    json_null(&w);
    json_close(&w);
    call_json(c, 200, &out);
}

static int read_scopes(const struct json *doc, uint32_t *scopes, struct err *err)
{
    const struct json *list = json_get(doc, "scopes");
    bool read_only = false;
    uint32_t wanted = 0, one;

    if (json_want_bool(doc, "read_only", &read_only, err) != 0)
        return -1;
    json_each (item, list) {
        if (item->type != JSON_STRING || !scope_parse(item->text, &one))
            return err_set(err, ERR_UNPROCESSABLE, "bad_scope", "A token has no scope \"%.*s\".",
                           TEXT_ARG(text_sub(item->text, 0, 40)));
        wanted |= one;
    }
    *scopes = list != NULL && list->count > 0 ? wanted : SCOPE_ALL;
    if (read_only)
        *scopes &= (uint32_t)SCOPE_READ_ONLY;
    return 0;
}

static void create(struct call *c, const char *user)
{
    struct people *people = c->area;
    const struct json *doc;
    struct account_token spec = {.user = user};
    struct text token;
    int64_t days = 0;
    char id[ACCOUNT_ID];
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;

    buf_init(&out, 1u << 16);
    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "name", &spec.label, &err) != 0 ||
        json_want_int(doc, "expires_days", &days, &err) != 0 ||
        read_scopes(doc, &spec.scopes, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    if (days < 0 || days > 3650) {
        err_set(&err, ERR_UNPROCESSABLE, "bad_expiry",
                "expires_days must be from 1 to 3650, or 0 for never.");
        call_fail(c, &err);
        return;
    }
    /* A token cannot make a wider one. */
    spec.scopes &= c->who->narrowed;
    spec.expires_ms = days > 0 ? clock_wall_ms() + days * 86400000 : 0;
    if (account_token_create(people->config.account, c->pool, &spec, &token, id, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "id", id);
    json_put_text(&w, "name", spec.label);
    json_put_text(&w, "token", token);
    people_put_scopes(&w, spec.scopes);
    json_put_time(&w, "created_at", clock_wall_ms());
    json_put_time(&w, "expires_at", spec.expires_ms);
    json_close(&w);
    call_json(c, 201, &out);
}

static void post_token(struct call *c)
{
    struct err err;

    if (c->who->user != NULL) {
        create(c, c->who->user);
        return;
    }
    err_set(&err, ERR_UNPROCESSABLE, "no_user", "Name the user: POST /api/v1/users/NAME/tokens.");
    call_fail(c, &err);
}

static void post_user_token(struct call *c)
{
    const char *user = account_user_by_name(c->accounts, call_param(c, "user"));
    struct err err;

    if (user != NULL) {
        create(c, user);
        return;
    }
    err_set(&err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
    call_fail(c, &err);
}

static void delete_token(struct call *c)
{
    struct people *people = c->area;
    struct err err;

    if (account_token_remove(people->config.account, c->who->user, call_param(c, "id"), &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/tokens",
     .handle = get_tokens,
     .who = WHO_USER,
     .summary = "your tokens"},
    {.method = "POST",
     .path = "/api/v1/tokens",
     .handle = post_token,
     .who = WHO_USER,
     .summary = "makes a token, shown once"},
    {.method = "DELETE",
     .path = "/api/v1/tokens/:id",
     .handle = delete_token,
     .who = WHO_USER,
     .summary = "removes a token"},
    {.method = "POST",
     .path = "/api/v1/users/:user/tokens",
     .handle = post_user_token,
     .who = WHO_ADMIN,
     .summary = "makes a token for a user, shown once"},
};

int token_routes(struct people *people, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), people, err);
}
