/* A login carried from the portal to an instance's host by a ticket, and logout from there. */
#include "core/codec.h"
#include "core/digest.h"
#include "http/hosts.h"
#include "http/people_part.h"

#include <string.h>

#define INSTANCE_FACES (FACE_EDITOR | FACE_APP)
/* The cookie that ties a ticket to the browser that asked for it. */
#define STATE_COOKIE "-login"
#define STATE_COOKIE_LIFE_S 600
#define STATE_COOKIE_LEN 43     /* of 32 bytes */
#define STATE_COOKIES_MOST 1024 /* more than a request's head has room for */

static const char *scheme(const struct people *people)
{
    return people_is_tls(people) ? "https" : "http";
}

/* ":8080" of the public URL, or nothing. */
static struct text public_port(const struct people *people)
{
    struct text rest = text_of(people->config.public_url + strlen(scheme(people)) + 3);
    size_t colon = text_find(rest, ':', 0);

    return colon == SIZE_MAX ? TEXT("") : text_sub(rest, colon, rest.len);
}

static bool is_instance_host(const struct people *people, struct text name)
{
    struct snapshot *hosts = hosts_take(people->config.hosts);
    bool is = hosts_find(hosts, name) != NULL;

    snapshot_drop(hosts);
    return is;
}

/* The host (with port) and the path of an absolute address on one of our instances' hosts. Anything
 * else would make the portal send people, or tickets, elsewhere; another port is another server. */
static bool parse_target(struct call *c, struct text to, struct text *host, struct text *path)
{
    const struct people *people = c->area;
    struct text start = text_printf(c->pool, "%s://", scheme(people));
    struct text port = public_port(people);

    if (!text_starts(to, start.base) || !text_is_printable(to) || text_has(to, '\\') ||
        text_has(to, ' '))
        return false;
    struct text rest = text_sub(to, start.len, to.len);
    size_t slash = text_find(rest, '/', 0);
    *host = text_lower(c->pool, text_sub(rest, 0, slash));
    *path = slash == SIZE_MAX ? TEXT("/") : text_sub(rest, slash, rest.len);
    struct text name = *host;
    if (port.len > 0) {
        if (host->len <= port.len ||
            !text_eq(text_sub(*host, host->len - port.len, port.len), port))
            return false;
        name = text_sub(*host, 0, host->len - port.len);
    }
    return is_instance_host(people, name);
}

static void get_ticket(struct call *c)
{
    struct people *people = c->area;
    struct text to = call_query(c, "to"), path;
    struct account_ticket_door door = {.state = call_query(c, "state")};
    struct err err;

    if (!parse_target(c, to, &door.host, &path)) {
        err_set(&err, ERR_INVALID, "bad_target", "That is no address of an instance.");
        call_fail(c, &err);
        return;
    }
    if (c->who->kind != IDENTITY_SESSION || c->who->user == NULL || c->who->must_change) {
        call_redirect(c, 302,
                      text_printf(c->pool, "%s/login?to=%.*s", people->config.public_url,
                                  TEXT_ARG(percent_encode(c->pool, to))));
        return;
    }
    struct text ticket =
        account_ticket_make(people->config.account, c->pool, c->who->credential, &door);
    call_redirect(c, 302,
                  text_printf(c->pool, "%s://%.*s/.redhouse/session?ticket=%.*s&to=%.*s",
                              scheme(people), TEXT_ARG(door.host), TEXT_ARG(ticket),
                              TEXT_ARG(percent_encode(c->pool, path))));
}

/* A path on this host: "/" and no second slash or backslash, which browsers would read as another
 * host. */
static struct text local_path(struct call *c)
{
    struct text to = call_query(c, "to");

    if (to.len == 0 || to.base[0] != '/' || !text_is_printable(to) || text_has(to, ' ') ||
        (to.len > 1 && (to.base[1] == '/' || to.base[1] == '\\')))
        return TEXT("/");
    return to;
}

/* What the browser keeps in its cookie; only its hash goes through the portal. */
static struct text state_of(struct call *c, struct text secret)
{
    unsigned char hash[SHA256_BYTES];

    sha256(secret, hash);
    return b64url_encode(c->pool, hash, sizeof(hash));
}

/* All values that may be ours; out has room for most. Where no TLS guards the cookie's name, the
 * page of a flow can set more of that name for the whole domain: they must not hide ours. */
static size_t state_cookies(struct call *c, struct text *out, size_t most)
{
    const struct people *people = c->area;
    struct text name = text_printf(c->pool, "%s" STATE_COOKIE, people->config.cookie_name);
    struct text rest = call_header(c, "cookie"), pair;
    size_t n = 0;

    while (n < most && text_cut(&rest, ';', &pair)) {
        size_t eq = text_find(pair, '=', 0);
        if (eq == SIZE_MAX || !text_eq(text_trim(text_sub(pair, 0, eq)), name))
            continue;
        struct text secret = text_trim(text_sub(pair, eq + 1, pair.len));
        if (secret.len == STATE_COOKIE_LEN)
            out[n++] = secret;
    }
    return n;
}

static void get_login(struct call *c)
{
    struct people *people = c->area;
    struct text name = text_sub(c->host, 0, text_find(c->host, ':', 0));
    struct text port = public_port(people), secret;
    struct text to = text_printf(c->pool, "%s://%.*s%.*s%.*s", scheme(people), TEXT_ARG(name),
                                 TEXT_ARG(port), TEXT_ARG(local_path(c)));

    /* Two tabs that log in at once share one. */
    if (state_cookies(c, &secret, 1) == 0)
        secret = random_text(c->pool, 32);
    people_set_cookie(c, STATE_COOKIE, secret, STATE_COOKIE_LIFE_S);
    call_redirect(c, 302,
                  text_printf(c->pool, "%s/.redhouse/ticket?state=%.*s&to=%.*s",
                              people->config.public_url, TEXT_ARG(state_of(c, secret)),
                              TEXT_ARG(percent_encode(c->pool, to))));
}

static bool take_ticket(struct call *c, const char **user, const char **parent)
{
    struct people *people = c->area;
    struct text states[STATE_COOKIES_MOST];
    const struct account_ticket_claim claim = {
        .ticket = call_query(c, "ticket"),
        .host = c->host,
        .states = states,
        .n_states = state_cookies(c, states, STATE_COOKIES_MOST),
    };

    for (size_t i = 0; i < claim.n_states; i++)
        states[i] = state_of(c, states[i]);
    return account_ticket_take(people->config.account, c->pool, &claim, user, parent);
}

static void get_instance_session(struct call *c)
{
    struct people *people = c->area;
    struct text cookie;
    const char *user, *parent;
    struct err err;

    /* Used, too old, or asked for by another browser: another round through the portal is quick. */
    if (!take_ticket(c, &user, &parent)) {
        get_login(c);
        return;
    }
    if (account_session_create(people->config.account, c->pool, user, c->host, parent, &cookie,
                               &err) != 0) {
        if (err.kind == ERR_UNAUTHORIZED)
            get_login(c);
        else
            call_fail(c, &err);
        return;
    }
    people_keep_session(c, cookie);
    call_redirect(c, 302, local_path(c));
}

static void logout(struct call *c)
{
    struct people *people = c->area;
    struct err err;

    if (c->who->kind == IDENTITY_SESSION && c->who->credential != NULL) {
        const char *parent =
            account_session_parent(people->config.account, c->pool, c->who->credential);
        if (account_session_end(people->config.account,
                                parent != NULL ? parent : c->who->credential, &err) != 0) {
            call_fail(c, &err);
            return;
        }
    }
    people_set_cookie(c, "", TEXT(""), 0);
    call_redirect(c, 303, text_printf(c->pool, "%s/login", people->config.public_url));
}

/* A picture or a script in some page must not log its reader out. */
static void get_logout(struct call *c)
{
    struct text dest = call_header(c, "sec-fetch-dest");
    struct err err;

    if (dest.base == NULL || text_is(dest, "document")) {
        logout(c);
        return;
    }
    err_set(&err, ERR_FORBIDDEN, "not_navigation", "Log out by going to this address.");
    call_fail(c, &err);
}

static void get_state(struct call *c)
{
    static const char *const names[] = {[HOST_STOPPED] = "stopped",
                                        [HOST_STARTING] = "starting",
                                        [HOST_RUNNING] = "running",
                                        [HOST_ASLEEP] = "asleep",
                                        [HOST_FAILED] = "failed"};
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "state", c->instance != NULL ? names[c->instance->state] : NULL);
    json_put_str(&w, "cause", c->instance != NULL ? c->instance->cause : NULL);
    json_close(&w);
    call_json(c, 200, &out);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/.redhouse/ticket",
     .handle = get_ticket,
     .before_change = true,
     .summary = "carry your session to an instance"},
    {.method = "GET",
     .path = "/.redhouse/login",
     .handle = get_login,
     .faces = INSTANCE_FACES,
     .before_change = true,
     .summary = "log in through the portal"},
    {.method = "GET",
     .path = "/.redhouse/session",
     .handle = get_instance_session,
     .faces = INSTANCE_FACES,
     .before_change = true,
     .summary = "take a ticket"},
    {.method = "GET",
     .path = "/.redhouse/logout",
     .handle = get_logout,
     .faces = INSTANCE_FACES,
     .before_change = true,
     .summary = "log out here and at the portal"},
    {.method = "POST",
     .path = "/.redhouse/logout",
     .handle = logout,
     .faces = INSTANCE_FACES,
     .before_change = true,
     .summary = "log out here and at the portal"},
    {.method = "GET",
     .path = "/.redhouse/state",
     .handle = get_state,
     .faces = INSTANCE_FACES,
     .before_change = true,
     .summary = "the state of this instance, for its waiting page"},
};

int carry_routes(struct people *people, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), people, err);
}
