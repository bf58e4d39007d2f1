#include "server/move/remote.h"

#include "core/err.h"
#include "core/fetch.h"
#include "core/file.h"
#include "core/json.h"
#include "core/url.h"
#include "registry/pkgname.h"
#include "server/ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS (10 * 60 * 1000)
#define TRIES 4
#define REDIRECTS 5
#define ANSWER_MAX ((size_t)1 << 20)

static bool is_passing(int status)
{
    return status == 408 || status == 429 || status >= 500;
}

static int judge(const char *url, int status, struct err *err)
{
    if (status < 300)
        return 0;
    if (status == 404)
        return err_set(err, ERR_NOT_FOUND, "not_there", "The registry has nothing at %.150s.", url);
    if (status == 401 || status == 403)
        return err_set(err, ERR_UNAUTHORIZED, "registry_refuses",
                       "The registry answers %d: give a token of it that may read, "
                       "--registry-token-file FILE.",
                       status);
    return err_set(err, ERR_UPSTREAM, "registry_fails", "The registry answers %d for %.120s.",
                   status, url);
}

/* One address. The token goes to the registry itself and nowhere else; what it names elsewhere is
 * no way into private networks. */
static int ask_once(struct remote *r, struct pool *pool, const char *url, struct text body,
                    size_t max, struct fetch_reply *reply, struct err *err)
{
    const char *origin;
    struct fetch_header headers[3] = {{TEXT("accept"), TEXT("application/json, */*;q=0.5")}};
    struct fetch_request request = {.url = url,
                                    .headers = headers,
                                    .n_headers = 1,
                                    .deadline_ms = DEADLINE_MS,
                                    .max_bytes = max,
                                    .body = body};
    int rc = -1;

    if (url_origin(pool, url, &origin, err) != 0)
        return -1;
    bool own = strcmp(origin, r->origin) == 0;
    request.refuse_private = !own;
    if (body.base != NULL) {
        request.method = "PUT";
        headers[request.n_headers++] =
            (struct fetch_header){TEXT("content-type"), TEXT("application/json")};
    }
    if (own && r->token != NULL)
        headers[request.n_headers++] =
            (struct fetch_header){TEXT("authorization"), text_printf(pool, "Bearer %s", r->token)};
    for (unsigned i = 1; i <= TRIES; i++) {
        rc = fetch(r->fetcher, &request, pool, reply, err);
        bool again =
            rc == 0 ? is_passing(reply->status)
                    : strcmp(err->code, "upstream_unreachable") == 0 || err->kind == ERR_TIMEOUT;
        if (!again || i == TRIES)
            break;
        usleep(i * i * 300000);
    }
    return rc;
}

/* Where it leads is followed by hand, so that each step is judged by where it goes. */
int remote_get(struct remote *r, struct pool *pool, const char *url, size_t max, struct text *out,
               struct err *err)
{
    struct fetch_reply reply = {0};

    for (unsigned i = 0; i <= REDIRECTS; i++) {
        if (ask_once(r, pool, url, TEXT_NONE, max, &reply, err) != 0)
            return -1;
        struct text to = fetch_header(&reply, "location");
        if (reply.status < 301 || reply.status > 308 || reply.status == 304 || to.len == 0)
            break;
        if (url_join(pool, url, text_c(pool, to), &url, err) != 0)
            return err_set(err, ERR_UPSTREAM, "registry_fails",
                           "The registry leads to something that is no address.");
    }
    if (judge(url, reply.status, err) != 0)
        return -1;
    *out = reply.body;
    return 0;
}

int remote_put(struct remote *r, struct pool *pool, const char *url, struct text body,
               struct err *err)
{
    struct fetch_reply reply = {0};
    struct text why = TEXT_NONE;
    struct json *doc;
    struct err ignored;

    if (ask_once(r, pool, url, body, ANSWER_MAX, &reply, err) != 0)
        return -1;
    if (reply.status >= 200 && reply.status < 300)
        return 0;
    /* npm's registries say why */
    if (json_read(pool, reply.body, 1000, &doc, &ignored) == 0 &&
        json_want_text(doc, "error", &why, &ignored) == 0 && why.len > 0)
        return err_set(err, ERR_UPSTREAM, "registry_refuses", "The registry answers %d: %.*s",
                       reply.status, TEXT_ARG(text_sub(why, 0, 150)));
    return judge(url, reply.status < 300 ? 500 : reply.status, err);
}

const char *remote_package(const struct remote *r, struct pool *pool, struct text name)
{
    struct pkgname n;

    if (!pkgname_split(name, &n))
        return NULL;
    return n.scope.len > 0
               ? pool_printf(pool, "%s/@%.*s%%2f%.*s", r->base, TEXT_ARG(n.scope), TEXT_ARG(n.base))
               : pool_printf(pool, "%s/%.*s", r->base, TEXT_ARG(n.base));
}

int remote_open(struct remote *r, struct ask *ask, const char *address, struct err *err)
{
    const struct args *args = &ask->args;
    struct text url = text_of(address);
    const char *file = args_flag(args, "--registry-token-file");
    struct fetch_options options = {.ca_file = ask->client.config.uplink_ca,
                                    .proxy = ask->client.config.uplink_proxy,
                                    .user_agent = "redhouse/" REDHOUSE_VERSION,
                                    .max_parallel = 2};

    while (text_ends(url, "/"))
        url = text_sub(url, 0, url.len - 1);
    r->base = text_c(ask->pool, url);
    if (url_check(r->base, err) != 0 || text_has(url, '?') ||
        url_origin(ask->pool, r->base, &r->origin, err) != 0)
        return err_set(err, ERR_INVALID, "usage",
                       "Give the address of a registry, such as https://npm.example.org/.");
    if (file != NULL) {
        auto_buf struct buf content = {0};
        buf_init(&content, 8192);
        if (file_read(file, 8192, &content, err) != 0)
            return -1;
        struct text rest = buf_view(&content), line;
        (void)text_cut(&rest, '\n', &line);
        r->token = text_c(ask->pool, text_trim(line));
    }
    r->fetcher = fetcher_new(&options, err);
    return r->fetcher != NULL ? 0 : -1;
}

void remote_close(struct remote *r)
{
    if (r->fetcher != NULL)
        fetcher_stop(r->fetcher);
    r->fetcher = NULL;
}
