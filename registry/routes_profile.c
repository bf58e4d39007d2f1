/* npm profile: what a person says of themselves, their password, their second factor. */
#include "core/err.h"
#include "core/json.h"
#include "http/factor_ask.h"
#include "http/limits.h"
#include "http/profile.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/otp.h"
#include "registry/routes.h"

static struct account *accounts(struct call *c)
{
    const struct registry *registry = c->area;
    return registry->config.account;
}

static int put_factor(struct call *c, struct json_writer *w, struct err *err)
{
    struct factor_state state;
    if (factor_read(accounts(c), c->who->user, &state, err) != 0)
        return -1;
    json_key(w, "tfa");
    if (state.mode == FACTOR_NONE) {
        json_null(w);
        return 0;
    }
    json_open(w);
    json_put_bool(w, "pending", state.pending);
    json_put_str(w, "mode", factor_mode_name(state.mode));
    json_close(w);
    return 0;
}

static void answer_profile(struct call *c)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 64 << 10);
    json_writer_init(&w, &out);
    json_open(&w);
    if (!asked_went_well(c, put_factor(c, &w, &err), &err))
        return;
    json_put_str(&w, "name", c->who->name);
    json_put_bool(&w, "email_verified", false);
    json_key(&w, "cidr_whitelist");
    json_null(&w);
    if (!asked_went_well(c, profile_write(accounts(c), c->who->user, &w, &err), &err))
        return;
    json_close(&w);
    call_set(c, "cache-control", TEXT("private, no-store"));
    call_json(c, 200, &out);
}

static void get_profile(struct call *c)
{
    answer_profile(c);
}

/* {"tfa": …} with an address, or with recovery codes. */
static void answer_factor(struct call *c, struct text address, const struct text *codes)
{
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "tfa");
    if (codes == NULL) {
        json_text(&w, address);
    } else {
        json_open_array(&w);
        for (int i = 0; i < RECOVERY_CODES; i++)
            json_text(&w, codes[i]);
        json_close_array(&w);
    }
    json_close(&w);
    call_set(c, "cache-control", TEXT("private, no-store"));
    call_json(c, 200, &out);
}

static int check_password(struct call *c, struct text password, struct err *err)
{
    const char *user;
    if (account_login(accounts(c), c->pool, text_of(c->who->name), password, c->peer, &user, err) ==
        0)
        return 0;
    /* A 401 would make npm say that one is not logged in. */
    return err->kind == ERR_UNAUTHORIZED
               ? err_set(err, ERR_FORBIDDEN, "wrong_password", "The password is wrong.")
               : -1;
}

static int begin_factor(struct call *c, enum factor_mode mode, struct text *address,
                        struct err *err)
{
    const struct registry *registry = c->area;
    struct text secret;
    if (factor_begin(accounts(c), c->pool, c->who->user, mode, &secret, err) != 0)
        return -1;
    *address = factor_address(c->pool, registry->config.public_url, c->who->name, secret);
    return 0;
}

/* {"mode","password"}: begins one, changes how far it goes, or, with "disable", ends it. */
static int change_factor(struct call *c, const struct json *tfa, struct text *address,
                         struct err *err)
{
    enum factor_mode mode = FACTOR_NONE;
    struct text password, name;
    if (json_need_text(tfa, "mode", &name, err) != 0 ||
        json_need_text(tfa, "password", &password, err) != 0)
        return -1;
    if (!text_is(name, "disable") && !factor_mode_parse(name, &mode))
        return err_set(err, ERR_UNPROCESSABLE, "bad_mode",
                       "The mode is auth-only, auth-and-writes or disable.");
    if (check_password(c, password, err) != 0 || factor_ask_anew(accounts(c), c, NULL, err) != 0)
        return -1;
    if (mode != FACTOR_NONE && c->who->factor == FACTOR_NONE)
        return begin_factor(c, mode, address, err);
    return factor_set_mode(accounts(c), c->who->user, mode, err);
}

static void post_factor(struct call *c, const struct json *tfa)
{
    struct text codes[RECOVERY_CODES], address = TEXT_NONE;
    struct factor_show show = {.user = c->who->user, .name = c->who->name, .address = c->peer};
    struct err err;
    if (tfa->type == JSON_OBJECT) {
        if (!asked_went_well(c, change_factor(c, tfa, &address, &err), &err))
            return;
        if (address.base != NULL)
            answer_factor(c, address, NULL);
        else
            answer_profile(c);
        return;
    }
    if (tfa->type == JSON_ARRAY && tfa->count == 1 && tfa->child->type == JSON_STRING)
        show.code = tfa->child->text;
    if (asked_went_well(c, factor_confirm(accounts(c), c->pool, &show, codes, &err), &err))
        answer_factor(c, TEXT_NONE, codes);
}

static int change_password(struct call *c, const struct json *password, struct err *err)
{
    struct text old, fresh;
    if (json_need_text(password, "old", &old, err) != 0 ||
        json_need_text(password, "new", &fresh, err) != 0 || check_password(c, old, err) != 0 ||
        factor_ask_anew(accounts(c), c, NULL, err) != 0)
        return -1;
    return account_password_set(accounts(c), c->who->user, fresh, false, NULL, err);
}

static int change_profile(struct call *c, const struct json *doc, struct err *err)
{
    const struct json *email = json_get(doc, "email");
    struct text value = TEXT("");
    if (json_want_text(doc, "email", &value, err) != 0 ||
        profile_set(accounts(c), c->who->user, doc, err) != 0)
        return -1;
    if (email == NULL || text_eq(value, text_of(c->who->email)))
        return 0;
    return account_user_change(accounts(c), text_of(c->who->name), value, -1, err);
}

static bool may_change(struct call *c)
{
    struct err err;
    if ((c->who->narrowed & SCOPE_PACKAGE_PUBLISH) != 0 && c->who->user != NULL &&
        !limits_narrow(c->who->limits))
        return true;
    err_set(&err, ERR_FORBIDDEN, "narrow_token",
            "A token that only reads, or has limits, changes no profile.");
    call_fail(c, &err);
    return false;
}

/* npm sends all fields that can be set together, with the password beside them if it is new. */
static void post_profile(struct call *c)
{
    struct err err;
    const struct json *doc;
    if (!may_change(c) || !asked_went_well(c, call_json_body(c, &doc, &err), &err))
        return;
    const struct json *tfa = json_get(doc, "tfa"), *password = json_get(doc, "password");
    if (tfa != NULL && tfa->type != JSON_NULL) {
        post_factor(c, tfa);
        return;
    }
    if (password != NULL && password->type != JSON_NULL) {
        if (!asked_went_well(c, change_password(c, password, &err), &err))
            return;
    } else if (!otp_asked_of_person(c->area, c)) {
        return;
    }
    if (asked_went_well(c, change_profile(c, doc, &err), &err))
        answer_profile(c);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/npm/-/npm/v1/user",
     .handle = get_profile,
     .who = WHO_USER,
     .summary = "npm profile: who the asker is"},
    {.method = "POST",
     .path = "/npm/-/npm/v1/user",
     .handle = post_profile,
     .who = WHO_USER,
     .lane = LANE_PASSWORD,
     .summary = "npm profile: sets fields, the password, the second factor"},
};

int routes_profile(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
