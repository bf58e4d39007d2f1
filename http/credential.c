#include "http/door.h"
#include "http/limits.h"
#include "http/origin.h"
#include "http/request.h"
#include "http/server_part.h"

#include "core/codec.h"
#include "core/digest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TOUCH_MS 10000

static bool refuse(struct request *r, enum err_kind kind, const char *code, const char *sentence)
{
    struct err err;
    err_set(&err, kind, code, "%s", sentence);
    call_fail(&r->call, &err);
    return false;
}

static bool bad_token(struct request *r, struct text token)
{
    const char *prefix = r->loop->server->token_start;
    if (r->call.answered)
        return false;
    if (text_starts(token, prefix) && !account_token_is_whole(token, text_of(prefix)))
        return refuse(r, ERR_UNAUTHORIZED, "malformed_token",
                      "This token is cut or mistyped: its checksum is wrong.");
    return refuse(r, ERR_UNAUTHORIZED, "bad_token",
                  "This token is not valid here, or not any more.");
}

/* npm knows the word and says EAUTHIP. */
static bool bad_address(struct request *r)
{
    struct err err;
    err_set(&err, ERR_UNAUTHORIZED, "address_not_allowed",
            "This token does not work from %.*s. Ask its owner which addresses it is limited to.",
            TEXT_ARG(r->call.peer));
    answer_set(&r->call, "www-authenticate", TEXT("ipaddress"));
    call_fail(&r->call, &err);
    return false;
}

/* An instance's token counts on its own carrier only. */
static bool is_at_home(const struct request *r)
{
    const struct door *door = r->conn->door;
    return r->identity.kind != IDENTITY_INSTANCE ||
           (door->kind == DOOR_CARRIER && strcmp(r->identity.instance, door->instance) == 0);
}

/* A connection brings the same token again and again, so that it need not be hashed anew. Behind a
 * proxy the one before may be somebody else's: how far they are alike must not show. */
static const unsigned char *hash_of(struct conn *conn, struct text token)
{
    if (digest_equal(token, text_n(conn->token, conn->token_len)))
        return conn->token_hash;
    sha256(token, conn->token_hash);
    conn->token_len = token.len <= sizeof(conn->token) ? token.len : 0;
    memcpy(conn->token, token.base, conn->token_len);
    return conn->token_hash;
}

/* False: it is nothing, or the call is answered. */
static bool take_token(struct request *r, struct text token)
{
    if (token.len == 0 ||
        !account_token_find_hash(r->call.accounts, hash_of(r->conn, token), &r->identity))
        return false;
    if (!is_at_home(r)) {
        r->identity = (struct identity){.kind = IDENTITY_ANONYMOUS};
        return false;
    }
    if (!limits_allow_address(r->identity.limits, r->call.peer)) {
        r->identity = (struct identity){.kind = IDENTITY_ANONYMOUS};
        return bad_address(r);
    }
    r->credential = token;
    return true;
}

static bool take_foreign(struct request *r, struct text token)
{
    const struct http_config *config = &r->loop->server->config;
    if (r->call.answered || config->knows_foreign == NULL || r->conn->door->kind != DOOR_PUBLIC ||
        !text_starts(r->call.path, "/npm/") || !config->knows_foreign(config->foreign_arg, token))
        return false;
    r->foreign = token;
    return true;
}

/* npm sends user:token as Basic. A password beside it is no matter where a handler takes one. */
static bool take_basic(struct request *r, struct text encoded)
{
    struct text user, secret;
    if (!text_starts(r->call.path, "/npm/"))
        return true;
    char *plain = pool_alloc(r->call.pool, b64_decoded_max(encoded.len) + 1);
    size_t n = 0;
    if (!b64_decode(encoded, plain, &n))
        return bad_token(r, TEXT_NONE);
    secret = text_n(plain, n);
    if (!text_cut(&secret, ':', &user))
        return bad_token(r, TEXT_NONE);
    if (take_token(r, secret))
        return true;
    if (r->call.answered || text_starts(secret, r->loop->server->token_start))
        return bad_token(r, secret);
    return r->call.route->lane == LANE_PASSWORD ||
           refuse(r, ERR_UNAUTHORIZED, "no_passwords",
                  "Passwords are taken at logins only: npm login, or a token in the place of the "
                  "password.");
}

/* The value of one cookie of ours in a Cookie header; *rest is what stands after it. */
static bool next_cookie(struct text *rest, struct text name, struct text *value)
{
    struct text pair;
    while (text_cut(rest, ';', &pair)) {
        pair = text_trim(pair);
        if (pair.len > name.len && pair.base[name.len] == '=' &&
            text_eq(text_sub(pair, 0, name.len), name)) {
            *value = text_sub(pair, name.len + 1, SIZE_MAX);
            return true;
        }
    }
    return false;
}

static void take_cookie(struct request *r)
{
    struct text name = text_of(r->loop->server->config.cookie_name);
    for (size_t i = 0; i < r->headers->size; i++) {
        const h2o_header_t *h = &r->headers->entries[i];
        struct text rest = text_n(h->value.base, h->value.len), value;
        if (h->name != &H2O_TOKEN_COOKIE->buf)
            continue;
        while (next_cookie(&rest, name, &value)) {
            if (r->cookie_host == NULL)
                r->cookie_host = text_c(r->call.pool, r->call.host);
            if (account_session_find(r->call.accounts, value, r->cookie_host, &r->identity)) {
                r->credential = value;
                return;
            }
        }
    }
}

static bool take_admin(struct request *r)
{
    const struct http_server *server = r->loop->server;
    struct text secret = call_header(&r->call, "x-redhouse-secret");
    if (r->conn->uid != 0 && r->conn->uid != geteuid())
        return refuse(r, ERR_FORBIDDEN, "forbidden", "This socket is for the server's own user.");
    if (server->admin_secret == NULL || !digest_equal(secret, text_of(server->admin_secret)))
        return refuse(r, ERR_UNAUTHORIZED, "bad_secret", "The admin socket's secret is wrong.");
    r->identity = (struct identity){
        .kind = IDENTITY_SESSION, .name = "admin", .admin = true, .narrowed = SCOPE_ALL};
    return true;
}

/* Cuts "Bearer " or "Basic " off. */
static bool has_scheme(struct text header, const char *scheme, struct text *rest)
{
    size_t len = strlen(scheme);
    if (header.len <= len || header.base[len] != ' ' ||
        !text_eq_nocase(text_sub(header, 0, len), text_of(scheme)))
        return false;
    *rest = text_trim(text_sub(header, len + 1, SIZE_MAX));
    return true;
}

static void begin(struct request *r)
{
    r->call.accounts = account_snapshot(r->loop->server->config.account);
    r->identity.kind = IDENTITY_ANONYMOUS;
}

/* A busy connection need not tell of each request that its credential is in use. */
static void touch(struct request *r)
{
    struct conn *conn = r->conn;
    if (r->identity.credential == NULL)
        return;
    uint64_t now = http_loop_now(r->loop);
    if (strcmp(r->identity.credential, conn->touched) == 0 && now - conn->touched_at < TOUCH_MS)
        return;
    (void)snprintf(conn->touched, sizeof(conn->touched), "%s", r->identity.credential);
    conn->touched_at = now;
    account_touch(r->loop->server->config.account, &r->identity, r->call.peer);
}

bool credential_find(struct request *r)
{
    struct text header = call_header(&r->call, "authorization"), rest;
    begin(r);
    if (r->call.route->own_bearer)
        return true;
    if (r->conn->door->kind == DOOR_ADMIN)
        return take_admin(r);
    if (has_scheme(header, "bearer", &rest)) {
        if (!take_token(r, rest) && (r->call.answered || !take_foreign(r, rest)))
            return bad_token(r, rest);
    } else if (has_scheme(header, "basic", &rest)) {
        if (!take_basic(r, rest))
            return false;
    } else if (r->conn->door->kind == DOOR_PUBLIC) {
        take_cookie(r);
    }
    touch(r);
    return true;
}

bool credential_find_for_instance(struct request *r)
{
    struct text header = call_header(&r->call, "authorization"), token;
    begin(r);
    if (has_scheme(header, "bearer", &token) && text_starts(token, r->loop->server->token_start)) {
        if (!take_token(r, token))
            return bad_token(r, token);
    } else {
        take_cookie(r);
    }
    touch(r);
    /* whoever must change their password is nobody until they have */
    if (r->identity.must_change)
        r->identity = (struct identity){.kind = IDENTITY_ANONYMOUS};
    return true;
}

/* A cookie goes along with requests that other pages make. */
static bool is_foreign(struct request *r)
{
    struct call *c = &r->call;
    if (r->identity.kind != IDENTITY_SESSION || r->conn->door->kind != DOOR_PUBLIC ||
        text_is(c->method, "GET") || text_is(c->method, "HEAD"))
        return false;
    struct text site = call_header(c, "sec-fetch-site");
    struct origin_facts facts = {.scheme = r->loop->server->scheme,
                                 .host = c->host,
                                 .method = c->method,
                                 .origin = call_header(c, "origin"),
                                 .site = site};
    if (facts.origin.base == NULL)
        return !text_is(site, "same-origin") && !text_is(site, "none");
    return origin_is_foreign(&facts);
}

/* Finds c->tenant when the route names one. */
static bool find_tenant(struct request *r)
{
    struct text slug = call_param(&r->call, "tenant");
    if (slug.base == NULL)
        return true;
    r->call.tenant = account_tenant_by_slug(r->call.accounts, slug);
    return r->call.tenant != NULL;
}

static bool is_anonymous(const struct request *r)
{
    return r->identity.kind == IDENTITY_ANONYMOUS;
}

static bool judge_member(struct request *r)
{
    const struct route *route = r->call.route;
    uint32_t has = r->call.tenant != NULL ? identity_scopes(&r->identity, r->call.tenant->id) : 0;
    if (has == 0 && r->call.tenant != NULL &&
        identity_lacks_factor(&r->identity, r->call.tenant->id))
        return refuse(r, FACTOR_LACKS);
    if (has == 0)
        return refuse(r, ERR_NOT_FOUND, "not_found", "There is no such tenant.");
    if ((has & route->scope) != route->scope)
        return refuse(r, ERR_FORBIDDEN, "forbidden",
                      "Your role in this tenant does not allow this.");
    if ((route->scope & SCOPE_PACKAGES) != 0 && !route->names_package &&
        limits_names(r->identity.limits).n > 0)
        return refuse(r, ERR_FORBIDDEN, "token_limited",
                      "This token is limited to some packages; this is about all of them.");
    return true;
}

static bool judge_who(struct request *r, bool has_tenant)
{
    const struct identity *who = &r->identity;
    switch (r->call.route->who) {
    case WHO_ANYONE:
        break;
    case WHO_USER:
        if (who->user == NULL && !who->admin)
            return refuse(r, ERR_FORBIDDEN, "forbidden", "This is for people.");
        break;
    case WHO_MEMBER:
        return judge_member(r);
    case WHO_ADMIN:
        if (!who->admin || (who->narrowed & SCOPE_PLATFORM) == 0)
            return refuse(r, ERR_FORBIDDEN, "forbidden", "This is for platform admins.");
        break;
    case WHO_PUBLISHER:
        if (who->user == NULL && !who->admin && who->kind != IDENTITY_TRUSTED)
            return refuse(r, ERR_FORBIDDEN, "forbidden", "This is for who may publish.");
        break;
    case WHO_INSTANCE:
        if (who->kind != IDENTITY_INSTANCE)
            return refuse(r, ERR_FORBIDDEN, "forbidden", "This is for instances.");
        break;
    }
    if (!has_tenant)
        return refuse(r, ERR_NOT_FOUND, "not_found", "There is no such tenant.");
    return true;
}

bool credential_judge(struct request *r)
{
    if (r->foreign.base != NULL) /* not yet known */
        return true;
    bool has_tenant = find_tenant(r);
    if (r->call.route->who != WHO_ANYONE && is_anonymous(r))
        return refuse(r, ERR_UNAUTHORIZED, "login_needed", "Log in first.");
    if (is_foreign(r))
        return refuse(r, ERR_FORBIDDEN, "foreign_origin",
                      "This request comes from another site's page.");
    if (r->identity.must_change && !r->call.route->before_change)
        return refuse(r, ERR_FORBIDDEN, "password_change_required", "Change your password first.");
    return judge_who(r, has_tenant);
}

bool credential_settle(struct request *r)
{
    const struct http_config *config = &r->loop->server->config;
    struct text token = r->foreign;
    struct err err;
    if (config->take_foreign(config->foreign_arg, r->call.pool, token, r->call.peer, &err) != 0) {
        call_fail(&r->call, &err);
        return false;
    }
    r->foreign = TEXT_NONE;
    snapshot_drop(r->call.accounts);
    r->call.accounts = account_snapshot(config->account);
    if (!account_token_find(r->call.accounts, token, &r->identity))
        return bad_token(r, token);
    if (!limits_allow_address(r->identity.limits, r->call.peer)) {
        r->identity = (struct identity){.kind = IDENTITY_ANONYMOUS};
        return bad_address(r);
    }
    return credential_judge(r);
}
