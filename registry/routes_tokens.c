#include "core/clock.h"
#include "core/codec.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/login.h"
#include "registry/otp.h"
#include "registry/routes.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)
#define MAX_LIST ((size_t)4 << 20)
#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)
#define MAX_DAYS 3650
#define UNSUPPORTED ERR_UNPROCESSABLE, "unsupported_limit"

/* npm shows the first six characters of a key and finds tokens by them; ids begin with the time and
 * would all look alike. */
static struct text key_of(struct pool *pool, struct text id)
{
    unsigned char hash[SHA256_BYTES];
    sha256(id, hash);
    return hex_encode(pool, hash, sizeof hash);
}

static int read_tokens(struct call *c, struct json **list, struct err *err)
{
    struct registry *registry = c->area;
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, MAX_LIST);
    json_writer_init(&w, &out);
    if (account_tokens_json(registry->config.account, c->who->user, &w, err) != 0)
        return -1;
    if (buf_failed(&out))
        return err_set(err, ERR_TOO_LARGE, "too_large", "You have too many tokens to list.");
    return json_read(c->pool, buf_take(&out, c->pool), JSON_MAX_NODES, list, err);
}

struct shown {
    struct text id, name, hint, created, expires;
    int64_t scopes;
};

static bool read_shown(const struct json *row, struct shown *out)
{
    *out = (struct shown){0};
    return json_need_text(row, "id", &out->id, NULL) == 0 &&
           json_want_text(row, "name", &out->name, NULL) == 0 &&
           json_want_text(row, "hint", &out->hint, NULL) == 0 &&
           json_want_text(row, "created_at", &out->created, NULL) == 0 &&
           json_want_text(row, "expires_at", &out->expires, NULL) == 0 &&
           json_want_int(row, "scopes", &out->scopes, NULL) == 0;
}

static void put_token(struct call *c, struct json_writer *w, const struct shown *t,
                      struct text value)
{
    json_open(w);
    json_put_text(w, "key", key_of(c->pool, t->id));
    json_put_text(w, "token", value);
    json_put_text(w, "name", t->name);
    json_key(w, "cidr_whitelist");
    json_null(w);
    json_put_bool(w, "readonly", (t->scopes & SCOPE_PACKAGE_PUBLISH) == 0);
    json_put_text(w, "created", t->created);
    json_put_text(w, "updated", t->created);
    if (t->expires.base != NULL)
        json_put_text(w, "expires", t->expires);
    json_close(w);
}

static void get_tokens(struct call *c)
{
    struct err err;
    struct json *list = NULL;
    struct shown token;
    if (!asked_went_well(c, read_tokens(c, &list, &err), &err))
        return;
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, MAX_LIST);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "objects");
    json_open_array(&w);
    json_each (row, list)
        if (read_shown(row, &token))
            put_token(c, &w, &token, token.hint);
    json_close_array(&w);
    json_key(&w, "urls");
    json_open(&w);
    json_close(&w);
    json_close(&w);
    call_json(c, 200, &out);
}

static bool has_items(const struct json *doc, const char *key)
{
    const struct json *list = json_get(doc, key);
    return list != NULL && list->count > 0;
}

struct wanted {
    struct text name, password, permission;
    bool read_only;
    int64_t days;
};

/* A limit that would not be kept must not be granted as if it were. */
static int check_limits(const struct json *doc, struct err *err)
{
    if (has_items(doc, "cidr_whitelist") || has_items(doc, "cidr"))
        return err_set(err, UNSUPPORTED, "Tokens cannot be limited to addresses here.");
    if (has_items(doc, "packages") || has_items(doc, "scopes") || has_items(doc, "orgs"))
        return err_set(err, UNSUPPORTED,
                       "Tokens cannot be limited to packages, scopes or organisations here.");
    return 0;
}

static int read_wanted(const struct json *doc, struct wanted *w, struct err *err)
{
    *w = (struct wanted){0};
    if (json_need_text(doc, "password", &w->password, err) != 0 ||
        json_want_text(doc, "name", &w->name, err) != 0 ||
        json_want_text(doc, "packages_and_scopes_permission", &w->permission, err) != 0 ||
        json_want_bool(doc, "readonly", &w->read_only, err) != 0 ||
        json_want_int(doc, "expires", &w->days, err) != 0 || check_limits(doc, err) != 0)
        return -1;
    if (text_is(w->permission, "read-only"))
        w->read_only = true;
    else if (w->permission.len > 0 && !text_is(w->permission, "read-write"))
        return err_set(err, UNSUPPORTED, "The permission is read-only or read-write.");
    if (w->days < 0 || w->days > MAX_DAYS)
        return err_set(err, ERR_UNPROCESSABLE, "bad_expiry", "A token lasts 1 to %d days.",
                       MAX_DAYS);
    if (w->name.len == 0)
        w->name = TEXT("npm token");
    return 0;
}

static int make_token(struct call *c, const struct wanted *want, struct shown *made,
                      struct text *token, struct err *err)
{
    struct registry *registry = c->area;
    const char *user;
    char id[ACCOUNT_ID];
    uint32_t scopes = want->read_only ? (uint32_t)SCOPE_PACKAGE_READ : (uint32_t)LOGIN_SCOPES;
    int64_t now = clock_wall_ms(), until = want->days > 0 ? now + want->days * DAY_MS : 0;
    struct account_token spec = {.user = c->who->user,
                                 .label = want->name,
                                 .scopes = scopes & c->who->narrowed,
                                 .expires_ms = until};
    if (account_login(registry->config.account, c->pool, text_of(c->who->name), want->password,
                      c->peer, &user, err) != 0 ||
        account_token_create(registry->config.account, c->pool, &spec, token, id, err) != 0)
        return -1;
    *made = (struct shown){.id = text_of(pool_strdup(c->pool, id)),
                           .name = want->name,
                           .created = text_of(clock_iso(c->pool, now)),
                           .scopes = spec.scopes};
    if (until > 0)
        made->expires = text_of(clock_iso(c->pool, until));
    return 0;
}

static void post_token(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct wanted want;
    struct shown made = {0};
    struct text token = TEXT_NONE;
    if (!asked_went_well(c, call_json_body(c, &doc, &err), &err) ||
        !asked_went_well(c, read_wanted(doc, &want, &err), &err) ||
        !otp_asked_of_person(c->area, c) ||
        !asked_went_well(c, make_token(c, &want, &made, &token, &err), &err))
        return;
    auto_buf struct buf out = {0};
    struct json_writer w;
    buf_init(&out, 64 << 10);
    json_writer_init(&w, &out);
    put_token(c, &w, &made, token);
    call_set(c, "cache-control", TEXT("private, no-store"));
    call_json(c, 200, &out);
}

/* By key as listed, or the raw token, which its owner may name too. */
static int remove_token(struct call *c, struct text key, struct err *err)
{
    struct registry *registry = c->area;
    struct json *list = NULL;
    struct shown token;
    if (read_tokens(c, &list, err) != 0)
        return -1;
    json_each (row, list)
        if (read_shown(row, &token) && text_eq(key_of(c->pool, token.id), key))
            return account_token_remove(registry->config.account, c->who->user, token.id, err);
    return account_token_remove_value(registry->config.account, key, err);
}

static void delete_token(struct call *c)
{
    struct err err;
    if (asked_went_well(c, remove_token(c, call_param(c, "key"), &err), &err))
        call_empty(c, 204);
}

static const struct route table[] = {
    {.method = "GET",
     .path = "/npm/-/npm/v1/tokens",
     .handle = get_tokens,
     .who = WHO_USER,
     .summary = "The asker's tokens as npm lists them"},
    {.method = "POST",
     .path = "/npm/-/npm/v1/tokens",
     .handle = post_token,
     .who = WHO_USER,
     .lane = LANE_PASSWORD,
     .summary = "Makes a token; the password is asked again"},
    {.method = "DELETE",
     .path = "/npm/-/npm/v1/tokens/token/:key",
     .handle = delete_token,
     .who = WHO_USER,
     .summary = "Ends a token, by key or by value"},
};

int routes_tokens(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
