/* A person and themselves: profile, second factor, sessions. */
#include "core/db.h"
#include "core/log.h"
#include "http/factor_ask.h"
#include "http/limits.h"
#include "http/people_part.h"
#include "http/profile.h"

static bool went_well(struct call *c, int failed, const struct err *err)
{
    if (failed != 0)
        call_fail(c, err);
    return failed == 0;
}

/* The admin socket is nobody, and a token that was made for less speaks for a pipeline. */
static bool is_whole_person(struct call *c)
{
    struct err err;

    if (c->who->user != NULL && c->who->narrowed == SCOPE_ALL && !limits_narrow(c->who->limits))
        return true;
    return went_well(c,
                     err_set(&err, ERR_FORBIDDEN, "narrow_token",
                             "This is for a person, or for a token that may all they may."),
                     &err);
}

static int write_factor(struct call *c, struct json_writer *w, struct err *err)
{
    const struct people *people = c->area;
    struct factor_state state;

    if (factor_read(people->config.account, c->who->user, &state, err) != 0)
        return -1;
    json_key(w, "second_factor");
    if (state.mode == FACTOR_NONE) {
        json_null(w);
        return 0;
    }
    json_open(w);
    json_put_str(w, "mode", factor_mode_name(state.mode));
    json_put_bool(w, "pending", state.pending);
    json_put_time(w, "since", state.since_ms);
    json_put_int(w, "recovery_codes_left", state.codes);
    json_close(w);
    return 0;
}

/* secret: of what was begun just now, shown this once. */
static void answer_me(struct call *c, struct text secret)
{
    const struct people *people = c->area;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;

    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "name", c->who->name);
    if (!went_well(c, profile_write(people->config.account, c->who->user, &w, &err), &err) ||
        !went_well(c, write_factor(c, &w, &err), &err))
        return;
    json_put_str(&w, "session", c->who->kind == IDENTITY_SESSION ? c->who->credential : NULL);
    if (secret.base != NULL) {
        json_put_text(&w, "secret", secret);
        json_put_text(&w, "otpauth",
                      factor_address(c->pool, people->config.public_url, c->who->name, secret));
    }
    json_close(&w);
    call_json(c, 200, &out);
}

static void get_me(struct call *c)
{
    if (is_whole_person(c))
        answer_me(c, TEXT_NONE);
}

static int change_me(struct call *c, struct err *err)
{
    const struct people *people = c->area;
    const struct json *doc;
    struct text email = TEXT_NONE;

    if (call_json_body(c, &doc, err) != 0 || json_want_text(doc, "email", &email, err) != 0 ||
        factor_ask(people->config.account, c, false, err) != 0 ||
        profile_set(people->config.account, c->who->user, doc, err) != 0)
        return -1;
    return email.base == NULL
               ? 0
               : account_user_change(people->config.account, text_of(c->who->name), email, -1, err);
}

static void patch_me(struct call *c)
{
    struct err err;

    if (is_whole_person(c) && went_well(c, change_me(c, &err), &err))
        answer_me(c, TEXT_NONE);
}

/* The second factor. */

/* The password, and a code if there is one in force: what a stolen session or token cannot do. */
static int prove(struct call *c, const struct json *doc, struct err *err)
{
    const struct people *people = c->area;
    struct text password;
    const char *user;

    if (json_need_text(doc, "password", &password, err) != 0)
        return -1;
    if (account_login(people->config.account, c->pool, text_of(c->who->name), password, c->peer,
                      &user, err) != 0)
        return err->kind == ERR_UNAUTHORIZED
                   ? err_set(err, ERR_UNPROCESSABLE, "wrong_password", "The password is wrong.")
                   : -1;
    return factor_ask_anew(people->config.account, c, doc, err);
}

static int put_mode(struct call *c, const struct json *doc, enum factor_mode mode,
                    struct text *secret, struct err *err)
{
    const struct people *people = c->area;

    *secret = TEXT_NONE;
    if (prove(c, doc, err) != 0)
        return -1;
    if (mode != FACTOR_NONE && c->who->factor == FACTOR_NONE)
        return factor_begin(people->config.account, c->pool, c->who->user, mode, secret, err);
    return factor_set_mode(people->config.account, c->who->user, mode, err);
}

static void put_factor(struct call *c)
{
    const struct json *doc;
    struct text name, secret;
    enum factor_mode mode = FACTOR_NONE;
    struct err err;

    if (!is_whole_person(c) || !went_well(c, call_json_body(c, &doc, &err), &err) ||
        !went_well(c, json_need_text(doc, "mode", &name, &err), &err))
        return;
    if (!factor_mode_parse(name, &mode) && !text_is(name, "none"))
        went_well(c,
                  err_set(&err, ERR_UNPROCESSABLE, "bad_mode",
                          "The mode is auth-only, auth-and-writes or none."),
                  &err);
    else if (went_well(c, put_mode(c, doc, mode, &secret, &err), &err))
        answer_me(c, secret);
}

static void answer_codes(struct call *c, const struct text codes[RECOVERY_CODES])
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "recovery_codes");
    json_open_array(&w);
    for (int i = 0; i < RECOVERY_CODES; i++)
        json_text(&w, codes[i]);
    json_close_array(&w);
    json_close(&w);
    call_json(c, 200, &out);
}

static void post_confirmation(struct call *c)
{
    const struct people *people = c->area;
    const struct json *doc;
    struct text codes[RECOVERY_CODES];
    struct factor_show show = {.user = c->who->user, .name = c->who->name, .address = c->peer};
    struct err err;

    if (!is_whole_person(c))
        return;
    if (c->who->kind == IDENTITY_SESSION)
        show.keep = c->who->credential;
    if (!went_well(c, call_json_body(c, &doc, &err), &err) ||
        !went_well(c, json_need_text(doc, "code", &show.code, &err), &err) ||
        !went_well(c, factor_confirm(people->config.account, c->pool, &show, codes, &err), &err))
        return;
    if (show.keep != NULL)
        account_session_note_code(people->config.account, show.keep);
    answer_codes(c, codes);
}

static void post_codes(struct call *c)
{
    const struct people *people = c->area;
    const struct json *doc;
    struct text codes[RECOVERY_CODES];
    struct err err;

    if (is_whole_person(c) && went_well(c, call_json_body(c, &doc, &err), &err) &&
        went_well(c, prove(c, doc, &err), &err) &&
        went_well(c, factor_new_codes(people->config.account, c->pool, c->who->user, codes, &err),
                  &err))
        answer_codes(c, codes);
}

static void delete_user_factor(struct call *c)
{
    const struct people *people = c->area;
    struct text name = call_param(c, "user");
    const char *user = account_user_by_name(c->accounts, name);
    struct err err;

    if (user == NULL) {
        err_set(&err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
        call_fail(c, &err);
        return;
    }
    if (!went_well(c, factor_set_mode(people->config.account, user, FACTOR_NONE, &err), &err))
        return;
    log_info("people", "a second factor was reset", "user=%.*s by=%s from=%.*s id=%s",
             TEXT_ARG(name), c->who->name, TEXT_ARG(c->peer), c->id);
    call_empty(c, 204);
}

/* Sessions. */

#define SESSIONS_FROM                                                                              \
    " FROM session WHERE user = ?1 AND parent IS NULL AND id > ?2 AND ?4 IS NULL ORDER BY id"

static void get_sessions(struct call *c)
{
    static const struct people_list list = {
        "SELECT id, host, created_at AS \"created_at@\", expires_at AS \"expires_at@\"" //
        SESSIONS_FROM " LIMIT ?3",
        "SELECT id" SESSIONS_FROM " LIMIT 2 OFFSET ?3 - 1"};

    if (is_whole_person(c))
        people_answer_list(c, &list, c->who->user);
}

static int end_session(struct call *c, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM session WHERE id = ? AND user = ?";
    const struct people *people = c->area;
    struct text id = call_param(c, "id");
    struct err why;
    int64_t one;

    {
        auto_read struct db_read r = db_read(people->config.control, err);
        if (r.conn == NULL)
            return -1;
        if (db_get(r.conn, c->pool, &why, sql, "sz", "i", id, c->who->user, &one) != 0)
            return why.kind == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "session_not_found",
                                                       "You have no such session.")
                                             : err_set(err, why.kind, why.code, "%s", why.text);
    }
    return account_session_end(people->config.account, text_c(c->pool, id), err);
}

static void delete_session(struct call *c)
{
    struct err err;

    if (is_whole_person(c) && went_well(c, end_session(c, &err), &err))
        call_empty(c, 204);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/me",
     .handle = get_me,
     .who = WHO_USER,
     .summary = "your profile and second factor",
     .answer = "Me"},
    {.method = "PATCH",
     .path = "/api/v1/me",
     .handle = patch_me,
     .who = WHO_USER,
     .summary = "changes your e-mail and profile",
     .query = "npm-otp",
     .body = "MeChange",
     .answer = "Me"},
    {.method = "PUT",
     .path = "/api/v1/me/factor",
     .handle = put_factor,
     .secret = true,
     .who = WHO_USER,
     .lane = LANE_PASSWORD,
     .summary = "begins a second factor, changes its mode or switches it off",
     .query = "npm-otp",
     .body = "FactorChange",
     .answer = "Me"},
    {.method = "POST",
     .path = "/api/v1/me/factor/confirmation",
     .handle = post_confirmation,
     .secret = true,
     .who = WHO_USER,
     .summary = "puts a second factor in force with its first code; recovery codes, shown once",
     .body = "FactorCode",
     .answer = "RecoveryCodes"},
    {.method = "POST",
     .path = "/api/v1/me/factor/codes",
     .handle = post_codes,
     .secret = true,
     .who = WHO_USER,
     .lane = LANE_PASSWORD,
     .summary = "makes new recovery codes, shown once; the old ones are void",
     .query = "npm-otp",
     .body = "FactorProof",
     .answer = "RecoveryCodes"},
    {.method = "GET",
     .path = "/api/v1/me/sessions",
     .handle = get_sessions,
     .who = WHO_USER,
     .summary = "your logins",
     .query = "limit cursor",
     .answer = "[OwnSession]"},
    {.method = "DELETE",
     .path = "/api/v1/me/sessions/:id",
     .handle = delete_session,
     .who = WHO_USER,
     .summary = "ends one of your logins"},
    {.method = "DELETE",
     .path = "/api/v1/users/:user/factor",
     .handle = delete_user_factor,
     .who = WHO_ADMIN,
     .summary = "switches a user's second factor off, for who lost the app and the codes"},
};

int me_routes(struct people *people, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), people, err);
}
