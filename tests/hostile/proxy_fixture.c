/*
 * The proxy alone, for hostile tests: one loop, one instance with an editor and an app face, whose
 * socket is named on the command line. Prints "port N"; obeys lines on standard input and answers
 * each with one line: state NAME [CAUSE]   the host map says so from now on socket PATH likewise
 *   close                proxy_close_instance of the instance
 *   ended USER           proxy_close_ended
 *   stats                one JSON object
 * Who asks is told by a request's x-test-who: "owner", "viewer", "dashboard" (nobody without).
 * Usage: proxy_fixture SOCKET [WAIT_MS [CERTIFICATE KEY]]
 */
#include "http/account.h"
#include "http/hosts.h"
#include "http/loop.h"
#include "http/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <h2o/http1.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct http_loop loop;
static struct hosts *hosts;
static h2o_globalconf_t conf;
static h2o_accept_ctx_t accept_ctx;
static char socket_path[4096], cause[256];
static enum host_state state = HOST_RUNNING;
static unsigned wanted;
static char line[512];
static size_t n_line;

static const char *const states[] = {"stopped", "starting", "running", "asleep", "failed"};

static void publish(void)
{
    struct host_entry entries[2] = {{.host = "demo.localhost", .face = FACE_EDITOR},
                                    {.host = "demo--app.localhost", .face = FACE_APP}};

    for (int i = 0; i < 2; i++) {
        entries[i].instance = "01instance";
        entries[i].slug = "demo";
        entries[i].tenant = "01tenant";
        entries[i].state = state;
        entries[i].cause = state == HOST_FAILED ? cause : NULL;
        entries[i].socket = socket_path;
        memset(entries[i].key, 7, sizeof(entries[i].key));
        entries[i].title = "Demo <1>";
        entries[i].look = ":root{--rh-primary:#336699}";
    }
    hosts_put(hosts, entries, 2);
    if (loop.proxy != NULL)
        proxy_hosts_changed(loop.proxy);
}

static void on_wanted(void *arg, const char *instance)
{
    wanted++;
}

static struct identity who_asks(h2o_req_t *req)
{
    static struct account_member member = {.tenant = "01tenant", .slug = "acme"};
    static const char *const roles[] = {"", "dashboard", "viewer", "developer", "owner"};
    ssize_t i = h2o_find_header_by_str(&req->headers, H2O_STRLIT("x-test-who"), -1);
    struct identity who = {.kind = IDENTITY_ANONYMOUS};

    if (i == -1)
        return who;
    for (int r = 1; r < 5; r++) {
        if (h2o_memis(req->headers.entries[i].value.base, req->headers.entries[i].value.len,
                      roles[r], strlen(roles[r])))
            member.role = (enum role)r;
    }
    return (struct identity){.kind = IDENTITY_SESSION,
                             .user = "01user",
                             .name = "ada",
                             .narrowed = SCOPE_ALL,
                             .members = &member,
                             .n_members = 1};
}

static void send_state(h2o_req_t *req)
{
    static h2o_generator_t generator;
    char *text = h2o_mem_alloc_pool(&req->pool, 64);
    h2o_iovec_t body = {text, 0};

    body.len = (size_t)snprintf(text, 64, "{\"state\": \"%s\"}", states[state]);
    req->res.status = 200;
    req->res.content_length = body.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_start_response(req, &generator);
    h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    struct text host = text_n(req->input.authority.base, req->input.authority.len);
    struct snapshot *now = hosts_take(hosts);
    const struct host_entry *entry;
    struct identity who = who_asks(req);

    host = text_sub(host, 0, text_find(host, ':', 0));
    entry = hosts_find(now, host);
    if (entry == NULL)
        h2o_send_error_404(req, "Not Found", "no such host", 0);
    else if (h2o_memis(req->input.path.base, req->input.path.len, H2O_STRLIT("/.redhouse/state")))
        send_state(req);
    else
        proxy_handle(loop.proxy, req, entry, now, &who, NULL);
    snapshot_drop(now);
    return 0;
}

static long rss_kb(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long size = 0, pages = 0;

    if (f != NULL) {
        if (fscanf(f, "%ld %ld", &size, &pages) != 2)
            pages = 0;
        fclose(f);
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int open_files(void)
{
    int n = 0;

    for (int fd = 0; fd < 4096; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

static void obey(char *text)
{
    char *arg = strchr(text, ' ');

    if (arg != NULL)
        *arg++ = '\0';
    if (strcmp(text, "state") == 0 && arg != NULL) {
        char *rest = strchr(arg, ' ');
        if (rest != NULL)
            *rest++ = '\0';
        snprintf(cause, sizeof(cause), "%s", rest != NULL ? rest : "");
        for (int i = 0; i < 5; i++) {
            if (strcmp(arg, states[i]) == 0)
                state = (enum host_state)i;
        }
        publish();
    } else if (strcmp(text, "socket") == 0 && arg != NULL) {
        snprintf(socket_path, sizeof(socket_path), "%s", arg);
        publish();
    } else if (strcmp(text, "close") == 0) {
        proxy_close_instance(loop.proxy, "01instance");
    } else if (strcmp(text, "ended") == 0) {
        proxy_close_ended(loop.proxy, arg);
    }
    struct snapshot *now = hosts_take(hosts);
    struct host_activity *seen = hosts_find_instance(now, TEXT("01instance"))->activity;
    printf("{\"busy\": %zu, \"sockets\": %u, \"requests\": %u, \"last\": %lld, \"wanted\": %u, "
           "\"rss\": %ld, \"files\": %d}\n",
           proxy_busy(loop.proxy), atomic_load(&seen->sockets), atomic_load(&seen->requests),
           (long long)atomic_load(&seen->last_ms), wanted, rss_kb(), open_files());
    fflush(stdout);
    snapshot_drop(now);
}

static void on_stdin(h2o_socket_t *sock, const char *err)
{
    ssize_t n = read(0, line + n_line, sizeof(line) - 1 - n_line);
    char *end;

    if (n == 0 || (n < 0 && errno != EAGAIN) || n_line + 1 == sizeof(line))
        exit(0);
    n_line += n > 0 ? (size_t)n : 0;
    line[n_line] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        obey(line);
        n_line -= (size_t)(end + 1 - line);
        memmove(line, end + 1, n_line + 1);
    }
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    h2o_socket_t *sock;

    for (int i = 0; i < 16 && (sock = h2o_evloop_socket_accept(listener)) != NULL; i++)
        h2o_accept(&accept_ctx, sock);
}

static int listen_here(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    h2o_socket_t *listener;

    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        return -1;
    listener = h2o_evloop_socket_create(loop.ctx.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    return ntohs(addr.sin_port);
}

static SSL_CTX *tls(const char *certificate, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        exit(1);
    return ctx;
}

int main(int argc, char **argv)
{
    struct proxy_config config = {.scheme = argc > 4 ? "https" : "http",
                                  .cookie_name = "redhouse_test",
                                  .token_prefix = "rh",
                                  .wait_ms = argc > 2 ? atol(argv[2]) : 5000};
    h2o_hostconf_t *host;
    h2o_pathconf_t *path;

    if (argc < 2)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    snprintf(socket_path, sizeof(socket_path), "%s", argv[1]);
    h2o_config_init(&conf);
    conf.http1.upgrade_to_http2 = 0;
    host = h2o_config_register_host(&conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    path = h2o_config_register_path(host, "/", 0);
    path->error_log.emit_request_errors = 0;
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_req;
    h2o_context_init(&loop.ctx, h2o_evloop_create(), &conf);
    accept_ctx.ctx = &loop.ctx;
    accept_ctx.hosts = conf.hosts;
    accept_ctx.ssl_ctx = argc > 4 ? tls(argv[3], argv[4]) : NULL;
    hosts = hosts_new();
    hosts_on_wanted(hosts, on_wanted, NULL);
    config.hosts = hosts;
    publish();
    loop.proxy = proxy_loop_new(&loop, &config);
    h2o_socket_read_start(h2o_evloop_socket_create(loop.ctx.loop, 0, H2O_SOCKET_FLAG_DONT_READ),
                          on_stdin);
    printf("port %d\n", listen_here());
    fflush(stdout);
    for (;;)
        h2o_evloop_run(loop.ctx.loop, INT32_MAX);
}
