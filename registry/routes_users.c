#include "core/codec.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/login.h"
#include "registry/routes.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)
#define COUCH "org.couchdb.user:"

static void answer_text(struct call *c, int status, const char *key, struct text value)
{
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 64 << 10);
    json_writer_init(&w, &out);
    json_open(&w);
    if (key != NULL)
        json_put_text(&w, key, value);
    json_close(&w);
    call_json(c, status, &out);
}

static void get_ping(struct call *c)
{
    answer_text(c, 200, NULL, TEXT_NONE);
}

static void get_whoami(struct call *c)
{
    struct err err;
    if (c->who->kind == IDENTITY_ANONYMOUS) {
        err_set(&err, ERR_UNAUTHORIZED, "login_needed", "You are not logged in: npm login.");
        call_fail(c, &err);
        return;
    }
    answer_text(c, 200, "username", text_of(c->who->name));
}

/* The name behind "org.couchdb.user:"; absent if there is none. */
static struct text couch_name(struct call *c)
{
    struct text id = call_param(c, "user");
    return text_starts(id, COUCH) ? text_sub(id, sizeof COUCH - 1, id.len) : TEXT_NONE;
}

static int read_couch(struct call *c, struct login_classic *login, struct err *err)
{
    struct json *doc;
    struct text name = couch_name(c), said = TEXT_NONE;
    if (name.len == 0)
        return err_set(err, ERR_NOT_FOUND, "not_found", "There is no such thing.");
    if (json_read(c->pool, c->body, 1000, &doc, err) != 0 ||
        json_need_text(doc, "name", &said, err) != 0 ||
        json_need_text(doc, "password", &login->password, err) != 0 ||
        json_want_text(doc, "email", &login->email, err) != 0)
        return -1;
    if (!text_eq(said, name))
        return err_set(err, ERR_INVALID, "wrong_user",
                       "The user in the address and the one in the document differ.");
    login->name = name;
    login->code = call_header(c, "npm-otp");
    return 0;
}

static void put_user(struct call *c)
{
    struct err err;
    struct login_classic login = {.create = true};
    struct text token;
    const char *user;
    if (!asked_went_well(c, read_couch(c, &login, &err), &err) ||
        !asked_went_well(c, login_classic(c->area, c, &login, &user, &token, &err), &err))
        return;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 64 << 10);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_bool(&w, "ok", true);
    json_put_text(&w, "id", text_printf(c->pool, COUCH "%.*s", TEXT_ARG(login.name)));
    json_put_str(&w, "rev", "1");
    json_put_text(&w, "token", token);
    json_close(&w);
    call_set(c, "cache-control", TEXT("private, no-store"));
    call_json(c, 201, &out);
}

/* Who another user is: npm's owner commands look it up first. */
static void get_user(struct call *c)
{
    struct err err;
    struct text name = couch_name(c);
    if (name.len == 0 || account_user_by_name(c->accounts, name) == NULL) {
        err_set(&err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
        call_fail(c, &err);
        return;
    }
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 64 << 10);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "_id", text_printf(c->pool, COUCH "%.*s", TEXT_ARG(name)));
    json_put_str(&w, "_rev", "1");
    json_put_text(&w, "name", name);
    json_put_str(&w, "email", "");
    json_put_str(&w, "type", "user");
    json_close(&w);
    call_json(c, 200, &out);
}

/* npm logout: the token in the address dies, whoever asks, since knowing it is owning it. */
static void delete_token_value(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;
    if (!asked_went_well(
            c, account_token_remove_value(registry->config.account, call_param(c, "token"), &err),
            &err))
        return;
    answer_text(c, 200, NULL, TEXT_NONE);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/npm/-/ping",
     .handle = get_ping,
     .faces = FACES,
     .summary = "Answers {}"},
    {.method = "GET",
     .path = "/npm/-/whoami",
     .handle = get_whoami,
     .faces = FACES,
     .summary = "The asker's user name"},
    {.method = "PUT",
     .path = "/npm/-/user/:user",
     .handle = put_user,
     .lane = LANE_PASSWORD,
     .faces = FACE_PLATFORM,
     .summary = "The classic login: a password for a token"},
    {.method = "PUT",
     .path = "/npm/-/user/:user/-rev/:rev",
     .handle = put_user,
     .lane = LANE_PASSWORD,
     .faces = FACE_PLATFORM,
     .summary = "The classic login, repeated"},
    {.method = "GET",
     .path = "/npm/-/user/:user",
     .handle = get_user,
     .who = WHO_USER,
     .faces = FACE_PLATFORM,
     .summary = "Whether a user is there"},
    {.method = "DELETE",
     .path = "/npm/-/user/token/:token",
     .handle = delete_token_value,
     .faces = FACE_PLATFORM,
     .summary = "npm logout: ends the token"},
};

int routes_users(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
