#include "registry/otp.h"

#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/call.h"
#include "http/factor_ask.h"
#include "registry/area.h"
#include "registry/login.h"

#include <string.h>

int otp_rule_get(struct db_conn *conn, struct pool *pool, struct text package,
                 struct otp_rule *rule, struct err *err)
{
    static const char sql[] = "SELECT machines FROM package_factor WHERE package = ?";
    struct err why;
    int64_t machines = 0;
    *rule = (struct otp_rule){0};
    if (db_get(conn, pool, &why, sql, "s", "i", package, &machines) == 0)
        *rule = (struct otp_rule){true, machines != 0};
    else if (why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, why.code, "%s", why.text);
    return 0;
}

int otp_rule_set(struct db_conn *conn, struct text package, const struct otp_rule *rule,
                 struct err *err)
{
    static const char drop[] = "DELETE FROM package_factor WHERE package = ?";
    static const char put[] = "INSERT INTO package_factor (package, machines) VALUES (?, ?)"
                              " ON CONFLICT (package) DO UPDATE SET machines = excluded.machines";
    int rc = rule->required ? db_do(conn, err, put, "si", package, (int64_t)rule->machines)
                            : db_do(conn, err, drop, "s", package);
    return rc < 0 ? -1 : 0;
}

/* npm opens one address and asks the other until it has a pass; without them it asks at its prompt.
 */
static bool answer_challenge(struct registry *registry, struct call *c, const struct err *why)
{
    struct text page, poll;
    struct json_writer w;
    auto_buf struct buf out = {0};
    if (text_is(call_header(c, "npm-auth-type"), "legacy") || c->who->credential == NULL ||
        login_begin_code(registry->logins, c->pool, c->peer, c->who, &page, &poll, NULL) != 0)
        return false;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "error", why->text);
    json_put_text(&w, "authUrl",
                  text_printf(c->pool, "%s/-/login/%.*s", registry->base, TEXT_ARG(page)));
    json_put_text(&w, "doneUrl",
                  text_printf(c->pool, "%s/-/v1/done/%.*s", registry->base, TEXT_ARG(poll)));
    json_close(&w);
    call_set(c, "www-authenticate", TEXT("OTP"));
    call_json(c, 401, &out);
    return true;
}

/* Answers unless a code was shown. */
static bool ask(struct registry *registry, struct call *c, bool writes)
{
    struct err err;
    if (!factor_is_due(c->who, writes) ||
        login_is_pass(registry->logins, c->who, call_header(c, "npm-otp")) ||
        factor_ask(registry->config.account, c, writes, &err) == 0)
        return true;
    bool npm = text_starts(c->path, "/npm/");
    if (!npm || strcmp(err.code, "otp_required") != 0 || !answer_challenge(registry, c, &err))
        call_fail(c, &err);
    return false;
}

static int read_rule(struct registry *registry, struct call *c, struct text package,
                     struct otp_rule *rule, struct err *err)
{
    auto_read struct db_read r = db_read(registry->config.control, err);
    return r.conn == NULL ? -1 : otp_rule_get(r.conn, c->pool, package, rule, err);
}

bool otp_asked_of_person(struct registry *registry, struct call *c)
{
    return ask(registry, c, false);
}

static bool refuse(struct call *c, const char *code, const char *sentence)
{
    struct err err;
    err_set(&err, ERR_FORBIDDEN, code, "%s", sentence);
    call_fail(c, &err);
    return false;
}

/* With the package's own rule: *anyone, everybody with a second factor is asked, also by a token
 * that else needs no code. */
static bool keeps_rule(struct registry *registry, struct call *c, struct text package, bool *anyone)
{
    struct otp_rule rule = {0};
    struct err err;
    if (read_rule(registry, c, package, &rule, &err) != 0) {
        call_fail(c, &err);
        return false;
    }
    *anyone = rule.required && !(rule.machines && c->who->bypass_2fa);
    if (!*anyone || c->who->factor != FACTOR_NONE)
        return true;
    return refuse(c, "factor_required",
                  "Only who has a second factor may change this package: npm profile enable-2fa, "
                  "or your account's page in the portal.");
}

bool otp_asked(struct registry *registry, struct call *c, struct text package)
{
    bool anyone = false;
    if (c->who->user == NULL) /* a machine that is trusted, or the server's own user */
        return true;
    return keeps_rule(registry, c, package, &anyone) && ask(registry, c, !anyone);
}

bool otp_asked_to_judge(struct registry *registry, struct call *c, struct text package)
{
    bool anyone = false;
    if (c->who->user == NULL && c->who->admin)
        return true;
    if (c->who->user == NULL || (c->who->bypass_2fa && c->who->factor == FACTOR_NONE))
        return refuse(c, "person_needed",
                      "This version waits for a person: a token that asks for no second factor "
                      "cannot judge it.");
    return keeps_rule(registry, c, package, &anyone) && ask(registry, c, false);
}
