#include "core/clock.h"
#include "core/codec.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "http/limits.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/otp.h"
#include "registry/routes.h"
#include "registry/token_wish.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)
#define MAX_LIST ((size_t)4 << 20)
#define KEY_LEAST 6 /* what npm lists of a key */

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

static const char *permission_of(uint32_t rights)
{
    if ((rights & SCOPE_PACKAGE_PUBLISH) != 0)
        return "read-write";
    if ((rights & SCOPE_PACKAGE_STAGE) != 0)
        return "read-write-stage-only";
    return (rights & SCOPE_PACKAGE_READ) != 0 ? "read-only" : "no-access";
}

static const char *orgs_permission_of(uint32_t rights)
{
    if ((rights & SCOPE_TENANT_ADMIN) != 0)
        return "read-write";
    return (rights & SCOPE_TENANT_READ) != 0 ? "read-only" : "no-access";
}

struct shown {
    struct text id, name, description, hint, created, expires, used, used_from;
    struct limits_list addresses, packages, scopes;
    const struct json *tenants;
    bool bypass_2fa;
    int64_t rights;
};

/* "@acme/" and a star is what npm calls a scope; everything else a package. */
static int split_names(struct pool *pool, struct limits_list names, struct shown *out)
{
    struct text *packages = pool_alloc(pool, (names.n + 1) * sizeof(*packages));
    struct text *scopes = pool_alloc(pool, (names.n + 1) * sizeof(*scopes));
    size_t n_packages = 0, n_scopes = 0;
    for (size_t i = 0; i < names.n; i++) {
        struct text name = names.items[i];
        if (text_starts(name, "@") && text_ends(name, "/*") &&
            !text_has(text_sub(name, 0, name.len - 1), '*'))
            scopes[n_scopes++] = text_sub(name, 0, name.len - 2);
        else
            packages[n_packages++] = name;
    }
    out->packages = (struct limits_list){packages, n_packages};
    out->scopes = (struct limits_list){scopes, n_scopes};
    return 0;
}

static bool read_shown(struct pool *pool, const struct json *row, struct shown *out)
{
    const struct json *limits = json_get(row, "limits");
    struct limits_list names;
    *out = (struct shown){.tenants = json_get(limits, "tenants")};
    return json_need_text(row, "id", &out->id, NULL) == 0 &&
           json_want_text(row, "name", &out->name, NULL) == 0 &&
           json_want_text(row, "description", &out->description, NULL) == 0 &&
           json_want_text(row, "hint", &out->hint, NULL) == 0 &&
           json_want_text(row, "created_at", &out->created, NULL) == 0 &&
           json_want_text(row, "expires_at", &out->expires, NULL) == 0 &&
           json_want_text(row, "last_used_at", &out->used, NULL) == 0 &&
           json_want_text(row, "last_used_from", &out->used_from, NULL) == 0 &&
           json_want_int(row, "scopes", &out->rights, NULL) == 0 &&
           json_want_bool(limits, "bypass_2fa", &out->bypass_2fa, NULL) == 0 &&
           limits_list_read(pool, limits, "addresses", &out->addresses, NULL) == 0 &&
           limits_list_read(pool, limits, "names", &names, NULL) == 0 &&
           split_names(pool, names, out) == 0;
}

static void put_list(struct json_writer *w, const char *key, struct limits_list list)
{
    json_key(w, key);
    json_open_array(w);
    for (size_t i = 0; i < list.n; i++)
        json_text(w, list.items[i]);
    json_close_array(w);
}

static void put_orgs(struct call *c, struct json_writer *w, const struct json *tenants)
{
    json_key(w, "orgs");
    json_open_array(w);
    json_each (item, tenants) {
        const struct account_tenant *t = account_tenant_by_id(c->accounts, item->text);
        if (t != NULL)
            json_str(w, t->slug);
    }
    json_close_array(w);
}

static void put_token(struct call *c, struct json_writer *w, const struct shown *t,
                      struct text value)
{
    json_open(w);
    json_put_text(w, "key", key_of(c->pool, t->id));
    json_put_text(w, "token", value);
    json_put_text(w, "name", t->name);
    json_put_text(w, "description", t->description);
    if (t->addresses.n > 0) {
        put_list(w, "cidr_whitelist", t->addresses);
    } else {
        json_key(w, "cidr_whitelist");
        json_null(w);
    }
    json_put_bool(w, "readonly", (t->rights & (SCOPE_PACKAGE_PUBLISH | SCOPE_PACKAGE_STAGE)) == 0);
    put_list(w, "packages", t->packages);
    put_list(w, "scopes", t->scopes);
    put_orgs(c, w, t->tenants);
    json_put_str(w, "packages_and_scopes_permission", permission_of((uint32_t)t->rights));
    json_put_str(w, "orgs_permission", orgs_permission_of((uint32_t)t->rights));
    json_put_bool(w, "bypass_2fa", t->bypass_2fa);
    json_put_text(w, "created", t->created);
    json_put_text(w, "updated", t->created);
    if (t->expires.base != NULL)
        json_put_text(w, "expires", t->expires);
    json_put_text(w, "last_used", t->used);
    json_put_text(w, "last_used_from", t->used_from);
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
        if (read_shown(c->pool, row, &token))
            put_token(c, &w, &token, token.hint);
    json_close_array(&w);
    json_key(&w, "urls");
    json_open(&w);
    json_close(&w);
    json_close(&w);
    call_json(c, 200, &out);
}

/* The token as it is listed, with its value this once. */
static void answer_made(struct call *c, const char *id, struct text token)
{
    struct err err;
    struct json *list = NULL;
    struct shown shown;
    auto_buf struct buf out = {0};
    struct json_writer w;
    if (!asked_went_well(c, read_tokens(c, &list, &err), &err))
        return;
    buf_init(&out, MAX_LIST);
    json_writer_init(&w, &out);
    json_each (row, list)
        if (read_shown(c->pool, row, &shown) && text_is(shown.id, id))
            put_token(c, &w, &shown, token);
    call_set(c, "cache-control", TEXT("private, no-store"));
    call_json(c, 200, &out);
}

static bool may_manage(struct call *c)
{
    struct err err;
    bool narrow = (c->who->narrowed & SCOPE_PACKAGE_PUBLISH) == 0 || limits_narrow(c->who->limits);
    return asked_went_well(
        c,
        narrow ? err_set(&err, ERR_FORBIDDEN, "narrow_token",
                         "A token that is read-only or limited cannot manage tokens: npm login.")
               : 0,
        &err);
}

static int make_token(struct call *c, const struct token_wish *wish, struct text *token,
                      char id[ACCOUNT_ID], struct err *err)
{
    struct registry *registry = c->area;
    struct account *account = registry->config.account;
    const char *user;
    if (account_login(account, c->pool, text_of(c->who->name), wish->password, c->peer, &user,
                      err) != 0)
        return -1;
    return account_token_create(account, c->pool, &wish->spec, token, id, err);
}

static void post_token(struct call *c)
{
    struct err err;
    const struct json *doc;
    struct token_wish wish;
    struct text token = TEXT_NONE;
    char id[ACCOUNT_ID];
    if (may_manage(c) && asked_went_well(c, call_json_body(c, &doc, &err), &err) &&
        asked_went_well(c, token_wish_read(c, doc, &wish, &err), &err) &&
        otp_asked_of_person(c->area, c) &&
        asked_went_well(c, make_token(c, &wish, &token, id, &err), &err))
        answer_made(c, id, token);
}

static bool is_prefix(struct text key, struct text of)
{
    return key.len >= KEY_LEAST && key.len <= of.len && text_eq(text_sub(of, 0, key.len), key);
}

/* By key as listed or its beginning; or the raw token, which its owner may name too. */
static int find_token(struct call *c, struct text key, struct text *id, struct err *err)
{
    struct json *list = NULL;
    struct shown token;
    size_t n = 0;
    if (read_tokens(c, &list, err) != 0)
        return -1;
    json_each (row, list) {
        if (read_shown(c->pool, row, &token) && is_prefix(key, key_of(c->pool, token.id))) {
            *id = token.id;
            n++;
        }
    }
    if (n > 1)
        return err_set(err, ERR_CONFLICT, "ambiguous_key",
                       "Several tokens begin with that key: give more of it.");
    return 0;
}

static void delete_token(struct call *c)
{
    struct registry *registry = c->area;
    struct account *account = registry->config.account;
    struct text key = call_param(c, "key"), id = TEXT_NONE;
    struct err err;
    if (!asked_went_well(c, find_token(c, key, &id, &err), &err))
        return;
    if (id.base == NULL) {
        if (asked_went_well(c, account_token_remove_value(account, key, &err), &err))
            call_empty(c, 204);
        return;
    }
    bool itself = c->who->kind == IDENTITY_TOKEN && text_is(id, c->who->credential);
    if ((itself || may_manage(c)) &&
        asked_went_well(c, account_token_remove(account, c->who->user, id, &err), &err))
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
