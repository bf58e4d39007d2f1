#include "http/factor_ask.h"

#include "core/json.h"
#include "core/pool.h"
#include "http/call.h"

int factor_code(struct call *c, const struct json *doc, struct text *code, struct err *err)
{
    *code = call_header(c, "npm-otp");
    return doc != NULL ? json_want_text(doc, "code", code, err) : 0;
}

int factor_ask_user(struct account *account, struct call *c, const char *user, struct text name,
                    struct text code, struct err *err)
{
    struct factor_show show = {
        .user = user, .name = text_c(c->pool, name), .code = code, .address = c->peer};

    return factor_pass(account, c->pool, &show, err);
}

static int show_own(struct account *account, struct call *c, struct text code, struct err *err)
{
    if (factor_ask_user(account, c, c->who->user, text_of(c->who->name), code, err) != 0)
        return -1;
    if (c->who->kind == IDENTITY_SESSION && code.len > 0)
        account_session_note_code(account, c->who->credential);
    return 0;
}

int factor_ask(struct account *account, struct call *c, bool writes, struct err *err)
{
    return factor_is_due(c->who, writes) ? show_own(account, c, call_header(c, "npm-otp"), err) : 0;
}

int factor_ask_anew(struct account *account, struct call *c, const struct json *doc,
                    struct err *err)
{
    struct text code;

    if (c->who->factor == FACTOR_NONE || c->who->user == NULL)
        return 0;
    return factor_code(c, doc, &code, err) != 0 ? -1 : show_own(account, c, code, err);
}
