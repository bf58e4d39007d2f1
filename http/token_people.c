/* Tokens of the API. */
#include "core/clock.h"
#include "core/db.h"
#include "http/factor_ask.h"
#include "http/limits.h"
#include "http/people_part.h"

struct row {
    struct text id, label, hint, from, limits, description;
    int64_t scopes, created, expires, used;
};

static void write_row(struct call *c, struct json_writer *w, const struct row *row)
{
    struct limits *limits = NULL;
    struct err err;

    (void)limits_read(c->pool, row->limits, &limits, &err); /* such a token is not valid anyway */
    json_open(w);
    json_put_text(w, "id", row->id);
    json_put_text(w, "name", row->label);
    json_put_text(w, "description", row->description);
    json_put_text(w, "hint", row->hint);
    people_put_scopes(w, (uint32_t)row->scopes);
    limits_put(limits, c->accounts, w);
    limits_drop(limits);
    json_put_time(w, "created_at", row->created);
    json_put_time(w, "expires_at", row->expires);
    json_put_time(w, "last_used_at", row->used);
    json_put_text(w, "last_used_from", row->from);
    json_close(w);
}

/* *next is the cursor of the page after, if there is one. */
static int write_rows(struct call *c, struct json_writer *w, const char *user, struct text *next,
                      struct err *err)
{
    static const char sql[] =
        "SELECT id, label, hint, used_from, limits, description, scopes,"
        " created_at, expires_at, coalesce(used_at, 0) FROM token WHERE user = ? AND id > ?"
        " ORDER BY id LIMIT ?";
    struct people *people = c->area;
    struct text cursor, last = TEXT_NONE;
    struct row row;
    int64_t limit;

    if (call_page(c, &limit, &cursor, err) != 0)
        return -1;
    auto_read struct db_read r = db_read(people->config.control, err);
    auto_rows struct db_rows q = {0};
    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "zsi", user,
                                   cursor.base != NULL ? cursor : TEXT(""), limit + 1) != 0)
        return -1;
    while (db_next(&q, c->pool, "ssssssiiii", &row.id, &row.label, &row.hint, &row.from,
                   &row.limits, &row.description, &row.scopes, &row.created, &row.expires,
                   &row.used)) {
        if (limit-- == 0) {
            *next = last;
            return 0;
        }
        last = row.id;
        write_row(c, w, &row);
    }
    return q.failed ? -1 : 0;
}

static void list_tokens(struct call *c, const char *user)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct text next = TEXT_NONE;
    struct err err;

    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    json_open_array(&w);
    if (write_rows(c, &w, user, &next, &err) != 0)
        call_fail(c, &err);
    else
        people_end_list(c, &w, next);
}

static void get_tokens(struct call *c)
{
    list_tokens(c, c->who->user != NULL ? c->who->user : "");
}

static const char *find_user(struct call *c)
{
    const char *user = account_user_by_name(c->accounts, call_param(c, "user"));
    struct err err;

    if (user != NULL)
        return user;
    err_set(&err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
    call_fail(c, &err);
    return NULL;
}

static void get_user_tokens(struct call *c)
{
    const char *user = find_user(c);

    if (user != NULL)
        list_tokens(c, user);
}

static int read_scopes(const struct json *doc, uint32_t *scopes, struct err *err)
{
    const struct json *list = json_get(doc, "scopes");
    bool read_only = false;
    uint32_t wanted = 0, one;

    if (json_want_bool(doc, "read_only", &read_only, err) != 0)
        return -1;
    if (list != NULL && list->type != JSON_NULL && (list->type != JSON_ARRAY || list->count == 0))
        return err_set(err, ERR_UNPROCESSABLE, "bad_scope",
                       "scopes must be a list of at least one name, or be left out.");
    json_each (item, list) {
        if (item->type != JSON_STRING || !scope_parse(item->text, &one))
            return err_set(err, ERR_UNPROCESSABLE, "bad_scope", "A token has no scope \"%.*s\".",
                           TEXT_ARG(text_sub(item->text, 0, 40)));
        wanted |= one;
    }
    *scopes = list != NULL && list->count > 0 ? scope_complete(wanted) : SCOPE_ALL;
    if (read_only)
        *scopes &= (uint32_t)SCOPE_READ_ONLY;
    return 0;
}

#define DAY_SECONDS 86400
#define DAYS_MOST 3650

/* expires_days or, to the second, expires_seconds; neither or 0: never. */
static int read_expiry(const struct json *doc, int64_t *expires_ms, struct err *err)
{
    int64_t days = 0, seconds = 0;

    if (json_want_int(doc, "expires_days", &days, err) != 0 ||
        json_want_int(doc, "expires_seconds", &seconds, err) != 0)
        return -1;
    if (days < 0 || days > DAYS_MOST)
        return err_set(err, ERR_UNPROCESSABLE, "bad_expiry",
                       "expires_days must be from 1 to %d, or 0 for never.", DAYS_MOST);
    if (seconds < 0 || seconds > (int64_t)DAYS_MOST * DAY_SECONDS)
        return err_set(err, ERR_UNPROCESSABLE, "bad_expiry",
                       "expires_seconds must be from 1 to %d, or 0 for never.",
                       DAYS_MOST * DAY_SECONDS);
    if (days > 0 && seconds > 0)
        return err_set(err, ERR_UNPROCESSABLE, "bad_expiry",
                       "Give expires_days or expires_seconds, not both.");
    seconds += days * DAY_SECONDS;
    *expires_ms = seconds > 0 ? clock_wall_ms() + seconds * 1000 : 0;
    return 0;
}

static int read_tenants(struct call *c, const struct json *doc, struct limits_list *out,
                        struct err *err)
{
    struct limits_list slugs;

    if (limits_list_read(c->pool, doc, "tenants", &slugs, err) != 0)
        return -1;
    struct text *ids = pool_alloc(c->pool, (slugs.n + 1) * sizeof(*ids));
    for (size_t i = 0; i < slugs.n; i++) {
        const struct account_tenant *t = account_tenant_by_slug(c->accounts, slugs.items[i]);
        if (t == NULL || identity_scopes(c->who, t->id) == 0)
            return err_set(err, ERR_UNPROCESSABLE, "bad_limit",
                           "There is no tenant \"%.*s\" that you are in.",
                           TEXT_ARG(text_sub(slugs.items[i], 0, 60)));
        ids[i] = text_of(t->id);
    }
    *out = (struct limits_list){ids, slugs.n};
    return 0;
}

static int read_limits(struct call *c, const struct json *doc, struct limits_spec *limits,
                       struct err *err)
{
    if (limits_list_read(c->pool, doc, "packages", &limits->names, err) != 0 ||
        limits_list_read(c->pool, doc, "addresses", &limits->addresses, err) != 0 ||
        read_tenants(c, doc, &limits->tenants, err) != 0)
        return -1;
    return json_want_bool(doc, "bypass_2fa", &limits->bypass_2fa, err);
}

/* What the request may ask for. A token makes no wider and no longer-lived one than itself. */
static int read_wish(struct call *c, struct account_token *spec, struct limits_spec *limits,
                     struct err *err)
{
    struct people *people = c->area;
    const struct json *doc;
    int64_t own_end = 0;

    if (call_json_body(c, &doc, err) != 0 || json_need_text(doc, "name", &spec->label, err) != 0 ||
        json_want_text(doc, "description", &spec->description, err) != 0 ||
        read_limits(c, doc, limits, err) != 0 || read_expiry(doc, &spec->expires_ms, err) != 0 ||
        read_scopes(doc, &spec->scopes, err) != 0)
        return -1;
    /* who speaks of packages means packages, unless they say more */
    if (limits->names.n > 0 &&
        (json_get(doc, "scopes") == NULL || json_get(doc, "scopes")->type == JSON_NULL))
        spec->scopes &= (uint32_t)SCOPE_PACKAGES;
    spec->scopes &= c->who->narrowed;
    if (c->who->kind == IDENTITY_TOKEN) {
        static const char sql[] = "SELECT expires_at FROM token WHERE id = ?";
        auto_read struct db_read r = db_read(people->config.control, err);
        if (r.conn == NULL ||
            db_get(r.conn, c->pool, err, sql, "z", "i", c->who->credential, &own_end) != 0)
            return -1;
    }
    if (own_end > 0 && (spec->expires_ms == 0 || spec->expires_ms > own_end))
        spec->expires_ms = own_end;
    return 0;
}

static void put_wished(struct call *c, struct json_writer *w, const struct limits_spec *spec)
{
    struct limits *limits = NULL;
    struct err err;

    (void)limits_make(spec, &limits, &err); /* it was made of the same before */
    limits_put(limits, c->accounts, w);
    limits_drop(limits);
}

static void create(struct call *c, const char *user)
{
    struct people *people = c->area;
    struct limits_spec limits = {0};
    struct account_token spec = {.user = user, .limits = &limits};
    struct text token;
    char id[ACCOUNT_ID];
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;

    if (read_wish(c, &spec, &limits, &err) != 0 ||
        account_token_create(people->config.account, c->pool, &spec, &token, id, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "id", id);
    json_put_text(&w, "name", spec.label);
    json_put_text(&w, "description", spec.description.base != NULL ? spec.description : TEXT(""));
    json_put_text(&w, "token", token);
    people_put_scopes(&w, account_token_scopes(&spec));
    put_wished(c, &w, &limits);
    json_put_time(&w, "created_at", clock_wall_ms());
    json_put_time(&w, "expires_at", spec.expires_ms);
    json_close(&w);
    call_json(c, 201, &out);
}

/* A token that was made for less than all its owner may do, such as a pipeline's, neither makes nor
 * removes tokens. */
static bool may_manage(struct call *c)
{
    struct err err;

    if (c->who->narrowed == SCOPE_ALL && !limits_narrow(c->who->limits))
        return true;
    err_set(&err, ERR_FORBIDDEN, "narrow_token",
            "A token with fewer scopes than its owner, or with limits, cannot manage tokens.");
    call_fail(c, &err);
    return false;
}

static void post_token(struct call *c)
{
    struct people *people = c->area;
    struct err err;

    if (!may_manage(c))
        return;
    if (factor_ask(people->config.account, c, false, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    if (c->who->user != NULL) {
        create(c, c->who->user);
        return;
    }
    err_set(&err, ERR_UNPROCESSABLE, "no_user", "Name the user: POST /api/v1/users/NAME/tokens.");
    call_fail(c, &err);
}

static void post_user_token(struct call *c)
{
    struct people *people = c->area;
    const char *user = limits_narrow(c->who->limits) && !may_manage(c) ? NULL : find_user(c);
    struct err err;

    if (user == NULL)
        return;
    if (factor_ask(people->config.account, c, false, &err) != 0)
        call_fail(c, &err);
    else
        create(c, user);
}

static void remove_token(struct call *c, const char *user)
{
    struct people *people = c->area;
    struct err err;

    if (account_token_remove(people->config.account, user, call_param(c, "id"), &err) != 0)
        call_fail(c, &err);
    else
        call_empty(c, 204);
}

static void delete_token(struct call *c)
{
    bool itself =
        c->who->kind == IDENTITY_TOKEN && text_is(call_param(c, "id"), c->who->credential);

    if (itself || may_manage(c))
        remove_token(c, c->who->user);
}

static void delete_user_token(struct call *c)
{
    const char *user = find_user(c);

    if (user != NULL)
        remove_token(c, user);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/tokens",
     .handle = get_tokens,
     .who = WHO_USER,
     .summary = "your tokens",
     .query = "limit cursor",
     .answer = "[Token]"},
    {.method = "POST",
     .path = "/api/v1/tokens",
     .handle = post_token,
     .secret = true,
     .who = WHO_USER,
     .summary = "makes a token, shown once",
     .query = "npm-otp",
     .body = "NewToken",
     .answer = "MadeToken",
     .status = 201},
    {.method = "DELETE",
     .path = "/api/v1/tokens/:id",
     .handle = delete_token,
     .who = WHO_USER,
     .summary = "removes a token"},
    {.method = "GET",
     .path = "/api/v1/users/:user/tokens",
     .handle = get_user_tokens,
     .who = WHO_ADMIN,
     .summary = "a user's tokens",
     .query = "limit cursor",
     .answer = "[Token]"},
    {.method = "DELETE",
     .path = "/api/v1/users/:user/tokens/:id",
     .handle = delete_user_token,
     .who = WHO_ADMIN,
     .summary = "removes a user's token"},
    {.method = "POST",
     .path = "/api/v1/users/:user/tokens",
     .handle = post_user_token,
     .secret = true,
     .who = WHO_ADMIN,
     .summary = "makes a token for a user, shown once",
     .query = "npm-otp",
     .body = "NewToken",
     .answer = "MadeToken",
     .status = 201},
};

int token_routes(struct people *people, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), people, err);
}
