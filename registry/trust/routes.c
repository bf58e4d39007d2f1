/* Trusted publishers: as npm asks for them, as the API does, and the exchange. */
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "http/limits.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/change.h"
#include "registry/otp.h"
#include "registry/trust/claims.h"
#include "registry/trust/issuer.h"
#include "registry/trust/trust.h"

#define MAX_ANSWER ((size_t)1 << 20)

/* A token that was made for less must not leave a door open that outlives it. */
static int check_whole(struct call *c, struct err *err)
{
    if (c->who->kind == IDENTITY_TOKEN && (limits_narrow(c->who->limits) || c->who->bypass_2fa))
        return err_set(err, ERR_FORBIDDEN, "narrow_token",
                       "A token with limits, or one that asks for no second factor, cannot say "
                       "whom a package trusts: npm login.");
    return 0;
}

/* Like naming an owner: for owners, with their second factor. */
static bool asked_to_trust(struct call *c, struct asked *a)
{
    struct err err;
    if (!asked_to_prepare(c, a) || !asked_went_well(c, check_whole(c, &err), &err))
        return false;
    struct change change = asked_change(c, a);
    return asked_went_well(c, change_check_hand_over(&change, &err), &err) &&
           otp_asked(a->registry, c, a->name.full);
}

static void answer_list(struct call *c, const struct asked *a, int status, bool as_npm)
{
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (!as_npm) {
        json_open(&w);
        json_key(&w, "items");
    }
    if (!asked_went_well(
            c, trust_list(a->registry, a->name.full, a->origin.tenant, as_npm, &w, &err), &err))
        return;
    if (!as_npm) {
        json_key(&w, "next");
        json_null(&w);
        json_close(&w);
    }
    call_json(c, status, &out);
}

/* A public name is nobody's here. */
static bool asked_to_list(struct call *c, struct asked *a)
{
    struct err err;
    if (!asked_to_read(c, a))
        return false;
    if (a->origin.kind == ORIGIN_PUBLIC)
        return asked_went_well(
            c,
            err_set(&err, ERR_NOT_FOUND, "package_not_found", "There is no such package of yours."),
            &err);
    return asked_went_well(
        c, origin_check_write(a->registry, c->who, &a->origin, a->name.full, &err), &err);
}

static void get_npm(struct call *c)
{
    struct asked a;
    if (asked_to_list(c, &a))
        answer_list(c, &a, 200, true);
}

static void get_trust(struct call *c)
{
    struct asked a;
    if (asked_to_list(c, &a))
        answer_list(c, &a, 200, false);
}

static int read_permissions(const struct json *doc, struct trust *trust, struct err *err)
{
    const struct json *list = json_get(doc, "permissions");
    json_each (item, list) {
        bool known = item->type == JSON_STRING;
        if (known && text_is(item->text, "createPackage"))
            trust->publish = true;
        else if (known && text_is(item->text, "createStagedPackage"))
            trust->stage = true;
        else
            return err_set(err, ERR_UNPROCESSABLE, "bad_permission",
                           "The permissions are createPackage and createStagedPackage.");
    }
    return 0;
}

static int issuer_of(struct call *c, struct registry *registry, struct text name,
                     struct issuer *issuer, struct err *err)
{
    auto_read struct db_read r = db_read(registry->config.control, err);
    return r.conn == NULL ? -1 : issuer_by_name(r.conn, c->pool, name, issuer, err);
}

static int add_npm(struct call *c, const struct asked *a, const struct json *doc, struct err *err)
{
    struct trust trust = {
        .package = a->name.full, .tenant = a->origin.tenant, .by = text_of(c->who->name)};
    const struct json *claims = json_get(doc, "claims");
    struct issuer issuer;
    char id[ACCOUNT_ID];
    if (json_need_text(doc, "type", &trust.issuer, err) != 0 ||
        read_permissions(doc, &trust, err) != 0 ||
        issuer_of(c, a->registry, trust.issuer, &issuer, err) != 0 ||
        claims_from_npm(c->pool, trust.issuer, issuer.url, claims, &trust.claims, err) != 0)
        return -1;
    trust.document = claims->raw;
    return trust_add(a->registry, &trust, id, err);
}

static void post_npm(struct call *c)
{
    struct asked a;
    struct err err;
    struct json *list;
    if (!asked_to_trust(c, &a) ||
        !asked_went_well(c, json_read(c->pool, c->body, 5000, &list, &err), &err))
        return;
    int failed =
        list->type == JSON_ARRAY && list->count > 0
            ? 0
            : err_set(&err, ERR_INVALID, "bad_json", "The body is a list of trusted publishers.");
    json_each (item, list)
        if (failed == 0)
            failed = add_npm(c, &a, item, &err);
    if (asked_went_well(c, failed, &err))
        answer_list(c, &a, 201, true);
}

static int read_trust(struct call *c, const struct asked *a, struct trust *trust, struct err *err)
{
    const struct json *doc;
    *trust = (struct trust){.package = a->name.full,
                            .tenant = a->origin.tenant,
                            .publish = true,
                            .by = text_of(c->who->name)};
    return call_json_body(c, &doc, err) != 0 ||
                   json_need_text(doc, "issuer", &trust->issuer, err) != 0 ||
                   json_want_bool(doc, "publish", &trust->publish, err) != 0 ||
                   json_want_bool(doc, "stage", &trust->stage, err) != 0 ||
                   claims_read(c->pool, json_get(doc, "claims"), &trust->claims, err) != 0
               ? -1
               : 0;
}

static void post_trust(struct call *c)
{
    struct asked a;
    struct err err;
    struct trust trust;
    char id[ACCOUNT_ID];
    if (asked_to_trust(c, &a) && asked_went_well(c, read_trust(c, &a, &trust, &err), &err) &&
        asked_went_well(c, trust_add(a.registry, &trust, id, &err), &err))
        answer_list(c, &a, 201, false);
}

static void delete_trust(struct call *c)
{
    struct asked a;
    struct err err;
    if (asked_to_trust(c, &a) &&
        asked_went_well(
            c, trust_remove(a.registry, a.name.full, a.origin.tenant, call_param(c, "id"), &err),
            &err))
        call_empty(c, 204);
}

static void get_issuers(struct call *c)
{
    static const char sql[] = "SELECT name, url, created_at AS \"created_at@\", created_by,"
                              " (SELECT count(*) FROM trust WHERE issuer = name) AS publishers"
                              " FROM trust_issuer ORDER BY name";
    struct registry *registry = c->area;
    struct err err;
    struct json_writer w;
    auto_buf struct buf out = {0};
    auto_read struct db_read r = db_read(registry->config.control, &err);
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    if (!asked_went_well(c, r.conn == NULL ? -1 : db_json(&w, r.conn, &err, sql, ""), &err))
        return;
    json_key(&w, "next");
    json_null(&w);
    json_close(&w);
    call_json(c, 200, &out);
}

static void post_issuer(struct call *c)
{
    struct registry *registry = c->area;
    struct err err;
    const struct json *doc;
    struct text name = TEXT_NONE, url = TEXT_NONE;
    struct issuer made = {0};
    int failed = call_json_body(c, &doc, &err) != 0 ||
                 json_need_text(doc, "name", &name, &err) != 0 ||
                 json_want_text(doc, "url", &url, &err) != 0 ||
                 trust_add_issuer(registry, name, url, text_of(c->who->name), &err) != 0 ||
                 issuer_of(c, registry, name, &made, &err) != 0;
    if (!asked_went_well(c, failed, &err))
        return;
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "name", made.name);
    json_put_text(&w, "url", made.url);
    json_close(&w);
    call_json(c, 201, &out);
}

static void delete_issuer(struct call *c)
{
    struct err err;
    if (asked_went_well(c, trust_remove_issuer(c->area, call_param(c, "issuer"), &err), &err))
        call_empty(c, 204);
}

static struct text bearer_of(struct call *c)
{
    struct text header = call_header(c, "authorization");
    bool bearer = header.len > 7 && text_eq_nocase(text_sub(header, 0, 7), TEXT("bearer "));
    return bearer ? text_trim(text_sub(header, 7, header.len)) : TEXT_NONE;
}

static void post_exchange(struct call *c)
{
    struct registry *registry = c->area;
    struct pkgname name;
    struct err err;
    struct text token = TEXT_NONE;
    int64_t expires = 0;
    int failed = 0;
    if (!pkgname_split(call_param(c, "pkg"), &name))
        failed = err_set(&err, ERR_NOT_FOUND, "package_not_found", "There is no such package.");
    struct trust_ask ask = {.name = &name, .bearer = bearer_of(c)};
    if (failed == 0) {
        struct origin origin = origin_of(registry, c->pool, c->accounts, &name);
        ask.tenant = origin.tenant;
        failed = trust_exchange(registry, c->pool, &ask, &token, &expires, &err);
    }
    if (!asked_went_well(c, failed, &err))
        return;
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "token_type", "oidc");
    json_put_text(&w, "token", token);
    json_put_time(&w, "expires", expires);
    json_close(&w);
    call_json(c, 201, &out);
}

#define EXCHANGE "-/npm/v1/oidc/token/exchange/package/:pkg"

static const struct route table[] = {
    {.method = "GET",
     .path = "/npm/-/package/:pkg/trust",
     .handle = get_npm,
     .who = WHO_USER,
     .summary = "The CI jobs that a package trusts, as npm lists them"},
    {.method = "POST",
     .path = "/npm/-/package/:pkg/trust",
     .handle = post_npm,
     .who = WHO_USER,
     .summary = "Trusts CI jobs, as npm sends them"},
    {.method = "DELETE",
     .path = "/npm/-/package/:pkg/trust/:id",
     .handle = delete_trust,
     .who = WHO_USER,
     .summary = "Trusts a CI job no more"},
    {.method = "POST",
     .path = "/npm/" EXCHANGE,
     .handle = post_exchange,
     .lane = LANE_OUTSIDE,
     .own_bearer = true,
     .secret = true,
     .summary = "An ID token of a trusted CI job for a token that publishes"},
    {.method = "POST",
     .path = "/" EXCHANGE,
     .handle = post_exchange,
     .lane = LANE_OUTSIDE,
     .own_bearer = true,
     .secret = true,
     .summary = "The same where npm asks for it: at the origin of the registry"},
    {.method = "GET",
     .path = "/api/v1/packages/:pkg/trust",
     .handle = get_trust,
     .who = WHO_USER,
     .summary = "the CI jobs that a package trusts to publish it",
     .answer = "[Trust]"},
    {.method = "POST",
     .path = "/api/v1/packages/:pkg/trust",
     .handle = post_trust,
     .who = WHO_USER,
     .summary = "trusts a CI job; answers with all that are trusted",
     .body = "NewTrust",
     .answer = "[Trust]",
     .status = 201},
    {.method = "DELETE",
     .path = "/api/v1/packages/:pkg/trust/:id",
     .handle = delete_trust,
     .who = WHO_USER,
     .summary = "trusts a CI job no more, and ends its tokens"},
    {.method = "GET",
     .path = "/api/v1/trust/issuers",
     .handle = get_issuers,
     .who = WHO_USER,
     .summary = "the issuers of ID tokens that the platform believes",
     .answer = "[Issuer]"},
    {.method = "POST",
     .path = "/api/v1/trust/issuers",
     .handle = post_issuer,
     .who = WHO_ADMIN,
     .summary = "believes an issuer",
     .body = "NewIssuer",
     .answer = "NewIssuer",
     .status = 201},
    {.method = "DELETE",
     .path = "/api/v1/trust/issuers/:issuer",
     .handle = delete_issuer,
     .who = WHO_ADMIN,
     .summary = "believes an issuer no more; packages trust none of its jobs then"},
};

int trust_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
