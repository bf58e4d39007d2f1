#include "server/move/people.h"

#include "core/codec.h"
#include "core/htpasswd.h"

#include <string.h>

#define USERS_MAX 100000

/* tenants: the slugs, each once. */
static size_t read_tenants(const struct mover *m, struct text *tenants, size_t max)
{
    struct text rest = m->map, pair, scope;
    size_t n = 0;

    tenants[n++] = text_of(m->tenant);
    while (m->map.len > 0 && n < max && text_cut(&rest, ',', &pair)) {
        struct text slug = text_trim(pair);
        bool known = false;
        (void)text_cut(&slug, '=', &scope);
        for (size_t i = 0; i < n; i++)
            known = known || text_eq(tenants[i], slug);
        if (!known && slug.len > 0)
            tenants[n++] = slug;
    }
    return n;
}

static int add_user(struct mover *m, struct client *client, struct text name, struct text hash,
                    struct err *err)
{
    auto_buf struct buf body = {0};
    struct json_writer w;
    const struct json *doc;

    buf_init(&body, 64u << 10);
    json_writer_init(&w, &body);
    json_open(&w);
    json_put_text(&w, "name", name);
    json_put_text(&w, "password_hash", hash);
    json_put_str(&w, "tenant", m->tenant);
    json_put_str(&w, "role", "developer");
    json_close(&w);
    return mover_call(m, client, "POST", "/api/v1/users", &body, &doc, err);
}

static int join(struct mover *m, struct client *client, struct text name, struct text tenant,
                struct err *err)
{
    auto_buf struct buf body = {0};
    const struct json *doc;

    buf_init(&body, 4096);
    buf_str(&body, "{\"role\":\"developer\"}");
    return mover_call(m, client, "PUT",
                      pool_printf(client->pool, "/api/v1/tenants/%.*s/members/%.*s",
                                  TEXT_ARG(percent_encode(client->pool, tenant)),
                                  TEXT_ARG(percent_encode(client->pool, name))),
                      &body, &doc, err);
}

static int take_user(struct mover *m, struct text name, struct text hash, struct err *err)
{
    struct text tenants[16];
    size_t n = read_tenants(m, tenants, 16);
    struct client client = m->ask->client;
    auto_pool struct pool *pool = pool_new();

    if (!htpasswd_known(hash))
        return err_set(
            err, ERR_UNPROCESSABLE, "bad_hash",
            "The hash of the password is of a kind that cannot be checked here: make the "
            "user with a new password.");
    client.pool = pool;
    if (m->dry_run)
        return 0;
    if (add_user(m, &client, name, hash, err) != 0)
        return -1;
    for (size_t i = 1; i < n; i++)
        if (join(m, &client, name, tenants[i], err) != 0)
            return -1;
    return 0;
}

static void take_line(struct mover *m, struct text line, struct json_writer *there)
{
    struct text rest = line, name, hash;
    struct err why;

    if (text_ends(line, "\r"))
        rest = text_sub(line, 0, line.len - 1);
    rest = text_trim(rest);
    if (rest.len == 0 || rest.base[0] == '#' || !text_cut(&rest, ':', &name) ||
        !text_cut(&rest, ':', &hash))
        return;
    name = text_trim(name);
    hash = text_trim(hash);
    if (take_user(m, name, hash, &why) == 0) {
        ask_say(m->ask, stdout, "user %.*s: %s", TEXT_ARG(text_sub(name, 0, 100)),
                m->dry_run ? "to take" : "taken, with the password that they have");
    } else if (strcmp(why.code, "user_exists") == 0) {
        ask_say(m->ask, stdout, "user %.*s: there already", TEXT_ARG(text_sub(name, 0, 100)));
    } else {
        mover_refuse(m, "user", name, &why);
        return;
    }
    json_text(there, name);
}

int people_import(struct mover *m, const struct verdaccio *v, struct err *err)
{
    auto_buf struct buf names = {0};
    struct json_writer there;
    struct text rest = v->htpasswd, line;
    size_t n = 0;

    if (v->htpasswd.base == NULL)
        return err_set(err, ERR_INVALID, "no_htpasswd",
                       "There is no file htpasswd in the folder of the storage nor around it.");
    buf_init(&names, 16u << 20);
    json_writer_init(&there, &names);
    json_open_array(&there);
    json_key(&m->report, "users_refused");
    json_open_array(&m->report);
    while (!m->lost && n++ < USERS_MAX && text_cut(&rest, '\n', &line))
        take_line(m, line, &there);
    json_close_array(&m->report);
    json_close_array(&there);
    json_key(&m->report, "users");
    json_raw(&m->report, buf_view(&names));
    return m->lost ? err_set(err, ERR_UNAVAILABLE, "server_lost",
                             "The server does not answer any more. Run the import again.")
                   : 0;
}

/* Each user's own list: {"alice":[{"user","key","readonly","cidr":[…]}]} */
static void put_token(struct json_writer *w, const struct json *token)
{
    const struct json *key = json_get(token, "key"), *user = json_get(token, "user");
    const struct json *only = json_get(token, "readonly"), *cidr = json_get(token, "cidr");

    if (key == NULL || key->type != JSON_STRING || user == NULL || user->type != JSON_STRING)
        return;
    json_open(w);
    json_put_text(w, "key", key->text);
    json_put_text(w, "user", user->text);
    json_put_bool(w, "read_only", only != NULL && only->type == JSON_BOOL && only->boolean);
    if (cidr != NULL && cidr->type == JSON_ARRAY) {
        json_key(w, "addresses");
        json_raw(w, cidr->raw);
    }
    json_close(w);
}

int people_import_tokens(struct mover *m, const struct verdaccio *v, struct err *err)
{
    auto_buf struct buf body = {0};
    struct json_writer w;
    const struct json *doc;
    size_t n = 0;

    if (v->secret.len == 0)
        return err_set(err, ERR_INVALID, "no_secret",
                       "The .verdaccio-db.json holds no secret, so that no token can be read.");
    buf_init(&body, 8u << 20);
    json_writer_init(&w, &body);
    json_open(&w);
    json_put_text(&w, "secret", v->secret);
    json_key(&w, "tokens");
    json_open_array(&w);
    json_each (user, v->tokens) {
        json_each (token, user) {
            put_token(&w, token);
            n++;
        }
    }
    json_close_array(&w);
    json_close(&w);
    if (!m->dry_run &&
        mover_call(m, &m->ask->client, "PUT", "/api/v1/imports/tokens", &body, &doc, err) != 0)
        return -1;
    json_put_int(&m->report, "tokens", (int64_t)n);
    ask_say(m->ask, stdout,
            "tokens: legacy ones %s as what they were, each from its first use on; %zu that people "
            "made. JSON Web Tokens cannot be taken over: their users log in again.",
            m->dry_run ? "would count" : "count", n);
    return 0;
}
