#include "registry/asked.h"

#include "core/err.h"
#include "http/call.h"
#include "registry/area.h"
#include "registry/otp.h"

static bool fail(struct call *c, enum err_kind kind, const char *code, const char *text)
{
    struct err err;
    err_set(&err, kind, code, "%s", text);
    call_fail(c, &err);
    return false;
}

/* Nothing is hidden from a member who only has to set up a second factor. */
static bool lacks_factor(struct call *c, const struct asked *asked)
{
    struct err err;
    if (asked->origin.kind != ORIGIN_TENANT || !identity_lacks_factor(c->who, asked->origin.tenant))
        return false;
    err_set(&err, FACTOR_LACKS);
    call_fail(c, &err);
    return true;
}

static bool not_found(struct call *c)
{
    return fail(c, ERR_NOT_FOUND, "package_not_found", "There is no such package.");
}

static bool read_target(struct call *c, struct text name, struct asked *asked)
{
    asked->registry = c->area;
    if (!pkgname_split(name, &asked->name))
        return false;
    asked->origin = origin_of(asked->registry, c->pool, c->accounts, &asked->name);
    return true;
}

bool asked_may_read(struct call *c, struct asked *asked)
{
    struct err err;
    return read_target(c, call_param(c, "pkg"), asked) &&
           origin_may_read(asked->registry, c->who, &asked->origin) &&
           asked->origin.kind != ORIGIN_NOBODY &&
           origin_check_limits(c->who, &asked->origin, asked->name.full, &err) == 0;
}

bool asked_to_read(struct call *c, struct asked *asked)
{
    return asked_to_read_name(c, call_param(c, "pkg"), asked);
}

bool asked_to_read_name(struct call *c, struct text name, struct asked *asked)
{
    struct err err;
    if (!read_target(c, name, asked))
        return not_found(c);
    if (origin_may_read(asked->registry, c->who, &asked->origin)) {
        if (asked->origin.kind == ORIGIN_NOBODY)
            return not_found(c);
        return asked_went_well(
            c, origin_check_limits(c->who, &asked->origin, asked->name.full, &err), &err);
    }
    if (c->who->kind == IDENTITY_ANONYMOUS)
        return fail(c, ERR_UNAUTHORIZED, "login_needed", "Log in first: npm login.");
    return !lacks_factor(c, asked) && not_found(c);
}

typedef int check_fn(const struct registry *registry, const struct identity *who,
                     const struct origin *origin, struct text name, struct err *err);

static bool to_change(struct call *c, struct asked *asked, check_fn *check)
{
    struct err err;
    if (!read_target(c, call_param(c, "pkg"), asked)) {
        if (pkgname_check_new(call_param(c, "pkg"), &err) == 0)
            return not_found(c);
        call_fail(c, &err);
        return false;
    }
    return !lacks_factor(c, asked) &&
           asked_went_well(
               c, check(asked->registry, c->who, &asked->origin, asked->name.full, &err), &err);
}

bool asked_to_prepare(struct call *c, struct asked *asked)
{
    return to_change(c, asked, origin_check_write);
}

bool asked_to_write(struct call *c, struct asked *asked)
{
    return asked_to_prepare(c, asked) && otp_asked(asked->registry, c, asked->name.full);
}

bool asked_to_stage(struct call *c, struct asked *asked)
{
    return to_change(c, asked, origin_check_stage);
}

struct change asked_change(struct call *c, const struct asked *asked)
{
    return (struct change){.registry = asked->registry,
                           .pool = c->pool,
                           .who = c->who,
                           .accounts = c->accounts,
                           .tenant = asked->origin.tenant,
                           .name = asked->name.full};
}

bool asked_went_well(struct call *c, int failed, const struct err *err)
{
    if (failed != 0)
        call_fail(c, err);
    return failed == 0;
}
