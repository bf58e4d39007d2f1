/* One exchange: its options, what curl hands over, how it went. */
#include "core/fetch_part.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_HEADERS 100
#define MAX_HEADER_BYTES 65536
#define CONNECT_MS 5000
#define STALL_MS 30000

static bool is_token(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.base[i] <= ' ' || t.base[i] >= 0x7f ||
            strchr("\"(),/:;<=>?@[\\]{}", t.base[i]) != NULL)
            return false;
    return t.len > 0;
}

static bool is_value(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.base[i] == '\0' || t.base[i] == '\r' || t.base[i] == '\n')
            return false;
    return true;
}

int transfer_check(const struct fetch_request *r, struct err *err)
{
    if (r->method != NULL && !is_token(text_of(r->method)))
        return err_set(err, ERR_INVALID, "bad_method", "The method of the request is malformed.");
    for (size_t i = 0; i < r->n_headers; i++)
        if (!is_token(r->headers[i].name) || !is_value(r->headers[i].value))
            return err_set(err, ERR_INVALID, "bad_header", "A header of the request is malformed.");
    return 0;
}

/* Private, loopback, link-local, unique-local, multicast and unspecified addresses. */
static bool is_private4(uint32_t a)
{
    return a >> 24 == 0 || a >> 24 == 10 || a >> 24 == 127 || a >> 22 == 0x191 ||
           a >> 16 == 0xa9fe || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 8 == 0xc00000 ||
           a >> 17 == 0x6309 || a >> 28 >= 14;
}

static bool is_private_inside(const unsigned char *a)
{
    return is_private4((uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3]);
}

/* Of IPv6 also what leads on to such an address of IPv4: mapped, NAT64 (that of one's own net
 * wholly) and 6to4. */
static bool is_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return is_private4(
            ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    if (address->sa_family != AF_INET6)
        return true;
    const unsigned char *a =
        ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    static const unsigned char own_nat64[6] = {0, 0x64, 0xff, 0x9b, 0, 1};
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
        return is_private_inside(a + 12);
    if (a[0] == 0x20 && a[1] == 0x02)
        return is_private_inside(a + 2);
    return memcmp(a, own_nat64, 6) == 0 || a[0] == 0 || a[0] == 0xff || (a[0] & 0xfe) == 0xfc ||
           (a[0] == 0xfe && (a[1] & 0x80) == 0x80);
}

static void note_private(struct transfer *t)
{
    err_set(&t->problem, ERR_UPSTREAM, "upstream_private",
            "%s leads to a private address, which is not allowed.", t->request->url);
}

/* Judged for each connection that curl opens, redirects included: what is connected to is what was
 * judged. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = arg;

    if (t->request->refuse_private && is_private(&address->addr)) {
        note_private(t);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool is_private_name(const char *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return is_private((const struct sockaddr *)(const void *)&v4);
    return inet_pton(AF_INET6, address, &v6.sin6_addr) != 1 ||
           is_private((const struct sockaddr *)(const void *)&v6);
}

bool fetch_names_private(const char *url)
{
    CURLU *u = curl_url();
    char *host = NULL;
    bool private = true;

    if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        auto_pool struct pool *pool = pool_new();
        struct text name = text_lower(pool, text_of(host));
        struct in_addr v4;
        if (text_starts(name, "["))
            name = text_sub(name, 1, name.len - 2);
        else if (text_ends(name, ".")) /* "localhost." is the same name, fully said */
            name.len--;
        const char *plain = text_c(pool, name);
        bool address = inet_pton(AF_INET, plain, &v4) == 1 || text_has(name, ':');
        private = address ? is_private_name(plain)
                          : text_is(name, "localhost") || text_ends(name, ".localhost");
    }
    curl_free(host);
    curl_url_cleanup(u);
    return private;
}

/* Before each request on a connection, which may be a pooled one that was opened for another. */
static int on_ready(void *arg, char *to, char *from, int to_port, int from_port)
{
    struct transfer *t = arg;

    t->moved_at = clock_mono_ms();
    if (!t->request->refuse_private || t->request->unix_socket != NULL || !is_private_name(to))
        return CURL_PREREQFUNC_OK;
    note_private(t);
    return CURL_PREREQFUNC_ABORT;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;

    if (t->reply.body_bytes + len > t->request->max_bytes) {
        err_set(&t->problem, ERR_UPSTREAM, "upstream_too_large",
                "%s answered with more than %zu bytes.", t->request->url, t->request->max_bytes);
        return 0;
    }
    t->reply.body_bytes += len;
    if (t->request->sink != NULL) {
        long status = 0;
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        t->reply.status = (int)status;
        return t->request->sink(t->request->sink_arg, &t->reply, text_n(bytes, len), &t->problem) ==
                       0
                   ? len
                   : 0;
    }
    if (t->request->body_fd > 0)
        return file_write_all(t->request->body_fd, bytes, len, &t->problem) == 0 ? len : 0;
    buf_add(&t->body, bytes, len);
    return len;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct text line = text_n(bytes, size * n), rest = line, name;

    t->header_bytes += line.len;
    if (text_starts(line, "HTTP/")) /* of a redirect or a 1xx: the last one counts */
        t->reply.n_headers = 0;
    else if (text_has(line, ':')) {
        if (t->reply.n_headers == MAX_HEADERS)
            t->header_bytes = MAX_HEADER_BYTES + 1;
        else {
            text_cut(&rest, ':', &name);
            while (rest.len > 0 &&
                   (rest.base[rest.len - 1] == '\n' || rest.base[rest.len - 1] == '\r'))
                rest.len--;
            t->reply.headers[t->reply.n_headers++] = (struct fetch_header){
                text_lower(t->pool, text_trim(name)), text_dup(t->pool, text_trim(rest))};
        }
    }
    if (t->header_bytes <= MAX_HEADER_BYTES)
        return line.len;
    err_set(&t->problem, ERR_UPSTREAM, "upstream_too_large", "%s answered with too many headers.",
            t->request->url);
    return 0;
}

static void set_headers(struct transfer *t)
{
    const struct fetch_request *r = t->request;
    bool typed = false;

    for (size_t i = 0; i < r->n_headers; i++) {
        struct text name = r->headers[i].name, value = text_trim(r->headers[i].value);
        /* To curl a name without a value means: leave it out. */
        auto_free char *line = value.len > 0
                                   ? xprintf("%.*s: %.*s", TEXT_ARG(name), TEXT_ARG(value))
                                   : xprintf("%.*s;", TEXT_ARG(name));
        t->headers = curl_slist_append(t->headers, line);
        typed = typed || text_eq_nocase(name, TEXT("Content-Type"));
    }
    if (!typed) /* nobody said it was a form */
        t->headers = curl_slist_append(t->headers, "Content-Type:");
    t->headers = curl_slist_append(t->headers, "Expect:");
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

/* POST turns into GET where a redirect says so; other methods are curl's custom ones, which it
 * would repeat wherever it is sent. */
static void set_method(struct transfer *t)
{
    const struct fetch_request *r = t->request;
    const char *method = r->method != NULL ? r->method : "GET";
    bool get = strcmp(method, "GET") == 0, head = strcmp(method, "HEAD") == 0,
         post = strcmp(method, "POST") == 0;
    bool follow = r->max_redirects > 0 && (get || head || post);

    curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, follow ? 1L : 0L);
    curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, (long)r->max_redirects);
    if (r->body.base != NULL || post) {
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, r->body.base != NULL ? r->body.base : "");
    }
    if (head)
        curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    else if (!post && (!get || r->body.base != NULL))
        curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_route(struct transfer *t, const struct fetch_options *options)
{
    const struct fetch_request *r = t->request;
    /* "" also keeps the environment's proxies out. A proxy would resolve names by itself, so where
     * addresses are judged there is none. */
    const char *by = r->proxy != NULL ? r->proxy : options->proxy;
    bool proxy = by != NULL && r->unix_socket == NULL && !r->refuse_private;

    curl_easy_setopt(t->easy, CURLOPT_PROXY, proxy ? by : "");
    /* Never the environment's either. */
    curl_easy_setopt(t->easy, CURLOPT_NOPROXY, r->no_proxy != NULL ? r->no_proxy : "");
    curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_ready);
    curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
    if (r->unix_socket != NULL) {
        curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
        return;
    }
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
    /* A pooled connection may lead where the name no longer does. */
    if (r->refuse_private)
        curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_trust(struct transfer *t, const struct fetch_options *options)
{
    struct text pem = t->request->ca_pem;
    struct curl_blob blob = {(void *)(uintptr_t)pem.base, pem.len, CURL_BLOB_NOCOPY};

    if (options->ca_file != NULL)
        curl_easy_setopt(t->easy, CURLOPT_CAINFO, options->ca_file);
    if (pem.len > 0)
        curl_easy_setopt(t->easy, CURLOPT_CAINFO_BLOB, &blob);
}

int transfer_set_up(struct transfer *t, const struct fetch_options *options)
{
    const struct fetch_request *r = t->request;
    CURL *e = t->easy = curl_easy_init();

    if (e == NULL)
        return -1;
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* A name that is still being looked up holds up neither the others nor the stop. */
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(r->connect_ms > 0 ? r->connect_ms : CONNECT_MS));
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (r->gzip)
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
    set_trust(t, options);
    if (options->user_agent != NULL)
        curl_easy_setopt(e, CURLOPT_USERAGENT, options->user_agent);
    set_method(t);
    set_route(t, options);
    set_headers(t);
    t->reply.headers = pool_zalloc(t->pool, MAX_HEADERS * sizeof(*t->reply.headers));
    return 0;
}

/* curl counts a stall in whole seconds, and no time at all for what waits for its turn. */
int64_t transfer_left(struct transfer *t, int64_t now)
{
    int64_t stall = t->request->stall_ms > 0 ? t->request->stall_ms : STALL_MS;
    int64_t left = t->deadline_at - now;
    curl_off_t up = 0, down = 0;

    if (t->request->cancelled != NULL && atomic_load(t->request->cancelled)) {
        err_set(&t->problem, ERR_UNAVAILABLE, "stopping", "The server is stopping.");
        return 0;
    }
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    curl_off_t moved = up + down + (curl_off_t)t->header_bytes;
    if (t->moved_at > 0) {
        if (moved != t->moved)
            t->moved_at = now;
        t->moved = moved;
        left = t->moved_at + stall - now < left ? t->moved_at + stall - now : left;
    }
    if (left > 0)
        return left;
    err_set(&t->problem, ERR_TIMEOUT, "upstream_slow", "%s did not answer in time.",
            t->request->url);
    return 0;
}

void transfer_end(struct transfer *t, CURLcode code)
{
    long status = 0;

    t->code = code;
    if (t->easy != NULL)
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->reply.status = (int)status;
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
}

int transfer_judge(const struct transfer *t, struct err *err)
{
    if (t->problem.code != NULL) {
        if (err != NULL)
            *err = t->problem;
        return -1;
    }
    switch (t->code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_TIMEOUT, "upstream_slow", "%s did not answer in time.",
                       t->request->url);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(err, ERR_UPSTREAM, "upstream_tls", "%s could not be trusted: %s.",
                       t->request->url, curl_easy_strerror(t->code));
    default:
        return err_set(err, ERR_UPSTREAM, "upstream_unreachable", "%s could not be reached: %s.",
                       t->request->url, curl_easy_strerror(t->code));
    }
}

int64_t fetch_retry_after_ms(const struct fetch_reply *reply)
{
    auto_pool struct pool *pool = pool_new();
    struct text value = fetch_header(reply, "retry-after");
    int64_t seconds = 0, most = 86400;

    if (value.len == 0)
        return 0;
    if (!text_number(value, 0, INT64_MAX / 1000, &seconds)) {
        time_t at = curl_getdate(text_c(pool, value), NULL);
        seconds = at > 0 ? (int64_t)at - clock_wall_ms() / 1000 : 0;
    }
    seconds = seconds < most ? seconds : most;
    return seconds > 0 ? seconds * 1000 : 0;
}
