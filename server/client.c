#include "server/client.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/file.h"
#include "core/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENT_DEADLINE_MS 120000
#define CLIENT_MAX_ANSWER (64u << 20)
#define OPERATION_DEADLINE_MS (15 * 60000)

static int read_line(struct client *client, const char *path, const char **out, struct err *err)
{
    auto_buf struct buf content = {0};
    struct text line;

    buf_init(&content, 4096);
    if (file_read(path, 4096, &content, err) != 0)
        return -1;
    struct text rest = buf_view(&content);
    if (!text_cut(&rest, '\n', &line) || line.len == 0)
        return err_set(err, ERR_INVALID, "empty_file", "%s is empty.", path);
    *out = text_c(client->pool, line);
    return 0;
}

static int find_server(struct client *client, struct err *err)
{
    struct config *config = &client->config;

    if (config->url != NULL) {
        client->base = config->url;
        const char *token = getenv("REDHOUSE_TOKEN");
        if (config->token_file != NULL)
            return read_line(client, config->token_file, &client->token, err);
        if (token == NULL)
            return err_set(err, ERR_UNAUTHORIZED, "no_token",
                           "Give a token for %s: --token-file FILE or REDHOUSE_TOKEN.",
                           config->url);
        client->token = token;
        return 0;
    }
    client->base = "http://admin";
    client->socket = pool_printf(client->pool, "%s/run/admin.sock", config->data);
    const char *secret = pool_printf(client->pool, "%s/run/admin.secret", config->data);
    if (access(client->socket, F_OK) != 0)
        return err_set(err, ERR_UNAVAILABLE, "no_server",
                       "No server runs on %s; start it with `redhouse serve --data %s`, or name "
                       "another with --url.",
                       config->data, config->data);
    return read_line(client, secret, &client->secret, err);
}

struct pool *client_init(struct client *client)
{
    *client = (struct client){.pool = pool_new()};
    return client->pool;
}

int client_open(struct client *client, char **options, struct err *err)
{
    struct fetch_options fetch_options = {.user_agent = "redhouse/" REDHOUSE_VERSION,
                                          .max_parallel = 2};

    if (config_read(&client->config, client->pool, options, NULL, err) != 0 ||
        find_server(client, err) != 0)
        return -1;
    client->fetcher = fetcher_new(&fetch_options, err);
    return client->fetcher != NULL ? 0 : -1;
}

void client_close(struct client *client)
{
    if (client->fetcher != NULL)
        fetcher_stop(client->fetcher);
    pool_free(client->pool);
}

int client_problem(struct client *client, int status, struct text body, struct err *err)
{
    struct text code = TEXT_NONE, detail = TEXT_NONE;
    struct json *doc = NULL;
    struct err ignored;

    if (json_read(client->pool, body, JSON_MAX_NODES, &doc, &ignored) != 0 ||
        json_want_text(doc, "detail", &detail, &ignored) != 0 || detail.base == NULL)
        detail = text_printf(client->pool, "The server answered with status %d.", status);
    if (doc != NULL)
        (void)json_want_text(doc, "code", &code, &ignored);
    return err_set(err, ERR_UPSTREAM, code.base != NULL ? text_c(client->pool, code) : "failed",
                   "%.*s", TEXT_ARG(detail));
}

int client_exchange(struct client *client, const struct fetch_request *request,
                    struct fetch_reply *reply, struct err *err)
{
    struct fetch_header headers[4];
    struct fetch_request sent = *request;
    size_t n = request->n_headers;

    if (n > 0)
        memcpy(headers, request->headers, n * sizeof(*headers));
    if (client->secret != NULL)
        headers[n++] = (struct fetch_header){TEXT("x-redhouse-secret"), text_of(client->secret)};
    if (client->token != NULL)
        headers[n++] = (struct fetch_header){TEXT("authorization"),
                                             text_printf(client->pool, "Bearer %s", client->token)};
    if (client->config.otp != NULL)
        headers[n++] = (struct fetch_header){TEXT("npm-otp"), text_of(client->config.otp)};
    sent.headers = headers;
    sent.n_headers = n;
    sent.unix_socket = client->socket;
    return fetch(client->fetcher, &sent, client->pool, reply, err);
}

static int send_request(struct client *client, struct fetch_request *request, struct text *body,
                        struct err *err)
{
    struct fetch_reply reply = {0};

    request->deadline_ms = CLIENT_DEADLINE_MS;
    request->max_bytes = CLIENT_MAX_ANSWER;
    if (client_exchange(client, request, &reply, err) != 0)
        return -1;
    if (reply.status >= 400)
        return client_problem(client, reply.status, reply.body, err);
    *body = reply.body;
    return 0;
}

int client_send(struct client *client, const char *method, const char *path, struct text body,
                const char *type, const struct json **doc, struct err *err)
{
    struct fetch_header header = {TEXT("content-type"), text_of(type)};
    struct fetch_request request = {.method = method,
                                    .url = pool_printf(client->pool, "%s%s", client->base, path),
                                    .headers = &header,
                                    .n_headers = type != NULL ? 1 : 0,
                                    .body = body};
    struct json *parsed = NULL;
    struct text answer = TEXT_NONE;

    if (send_request(client, &request, &answer, err) != 0 ||
        (answer.len > 0 && json_read(client->pool, answer, JSON_MAX_NODES, &parsed, err) != 0))
        return -1;
    *doc = parsed;
    return 0;
}

int client_read(struct client *client, const char *path, struct text *out, struct err *err)
{
    struct fetch_request request = {.url = pool_printf(client->pool, "%s%s", client->base, path)};

    return send_request(client, &request, out, err);
}

int client_call(struct client *client, const char *method, const char *path, const struct buf *body,
                const struct json **doc, struct err *err)
{
    return client_send(client, method, path, body != NULL ? buf_view(body) : TEXT_NONE,
                       body != NULL ? "application/json" : NULL, doc, err);
}

int client_follow(struct client *client, const struct json *answer, const struct json **operation,
                  struct err *err)
{
    struct text id = TEXT_NONE, shown = TEXT_NONE;
    int64_t until = clock_mono_ms() + OPERATION_DEADLINE_MS;

    if (json_need_text(answer, "operation.id", &id, err) != 0)
        return -1;
    const char *path = pool_printf(client->pool, "/api/v1/operations/%.*s", TEXT_ARG(id));
    while (clock_mono_ms() < until) {
        const struct json *doc = NULL;
        struct text state = TEXT_NONE, step = TEXT_NONE, detail = TEXT_NONE;
        if (client_call(client, "GET", path, NULL, &doc, err) != 0 ||
            json_need_text(doc, "state", &state, err) != 0 ||
            json_want_text(doc, "step", &step, err) != 0)
            return -1;
        if (step.len > 0 && !text_eq(step, shown) && !client->config.json)
            fprintf(stderr, "  %.*s\n", TEXT_ARG(step));
        shown = step;
        if (text_is(state, "done")) {
            *operation = doc;
            return 0;
        }
        if (text_is(state, "failed")) {
            (void)json_want_text(doc, "problem.detail", &detail, err);
            return err_set(err, ERR_UPSTREAM, "operation_failed", "%.*s",
                           TEXT_ARG(detail.base != NULL ? detail : TEXT("The operation failed.")));
        }
        usleep(200000);
    }
    return err_set(err, ERR_TIMEOUT, "operation_slow",
                   "The operation %.*s goes on; look again later.", TEXT_ARG(id));
}
