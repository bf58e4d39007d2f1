#include "core/fetch.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define FETCH_MAX_HEADERS 100
#define FETCH_MAX_HEADER_BYTES 65536

struct transfer {
    const struct fetch_request *request;
    struct pool *pool;
    struct fetch_reply reply;
    struct buf body;
    size_t header_bytes;
    bool too_large, private_address;
    CURL *easy;
    struct curl_slist *headers;
    CURLcode code;
    pthread_cond_t ended;
    bool done;
    struct transfer *next;
};

struct fetcher {
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock; /* guards first, last, done flags */
    struct transfer *first, **last;
    struct transfer *active;
    atomic_bool stopping;
    char *ca_file, *proxy, *user_agent;
};

/* Private, loopback, link-local, unique-local, multicast and unspecified addresses. */
static bool is_private4(uint32_t a)
{
    return a >> 24 == 0 || a >> 24 == 10 || a >> 24 == 127 || a >> 22 == 0x191 ||
           a >> 16 == 0xa9fe || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 8 == 0xc00000 ||
           a >> 17 == 0x6309 || a >> 28 >= 14;
}

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
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
        return is_private4((uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 | (uint32_t)a[14] << 8 |
                           a[15]);
    return a[0] == 0 || a[0] == 0xff || (a[0] & 0xfe) == 0xfc ||
           (a[0] == 0xfe && (a[1] & 0x80) == 0x80);
}

/* Judged for each connection that curl opens, redirects included: what is connected to is what was
 * judged. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = arg;

    if (t->request->refuse_private && is_private(&address->addr)) {
        t->private_address = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;
    struct err err;

    if (t->reply.body_bytes + len > t->request->max_bytes) {
        t->too_large = true;
        return 0;
    }
    t->reply.body_bytes += len;
    if (t->request->body_fd > 0)
        return file_write_all(t->request->body_fd, bytes, len, &err) == 0 ? len : 0;
    buf_add(&t->body, bytes, len);
    return len;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct text line = text_n(bytes, size * n), name;

    t->header_bytes += line.len;
    if (t->header_bytes > FETCH_MAX_HEADER_BYTES)
        return 0;
    if (text_starts(line, "HTTP/")) { /* of a redirect or a 1xx: the last one counts */
        t->reply.n_headers = 0;
        return line.len;
    }
    if (text_has(line, ':') && t->reply.n_headers < FETCH_MAX_HEADERS) {
        struct text rest = line;
        text_cut(&rest, ':', &name);
        while (rest.len > 0 && (rest.base[rest.len - 1] == '\n' || rest.base[rest.len - 1] == '\r'))
            rest.len--;
        t->reply.headers[t->reply.n_headers++] = (struct fetch_header){
            text_lower(t->pool, text_trim(name)), text_dup(t->pool, text_trim(rest))};
    }
    return line.len;
}

static void set_headers(struct transfer *t)
{
    const struct fetch_request *r = t->request;

    for (size_t i = 0; i < r->n_headers; i++) {
        auto_free char *line =
            xprintf("%.*s: %.*s", TEXT_ARG(r->headers[i].name), TEXT_ARG(r->headers[i].value));
        t->headers = curl_slist_append(t->headers, line);
    }
    t->headers = curl_slist_append(t->headers, "Expect:");
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_up(struct fetcher *f, struct transfer *t)
{
    const struct fetch_request *r = t->request;
    CURL *e = t->easy = curl_easy_init();
    const char *method = r->method != NULL ? r->method : "GET";

    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, r->max_redirects > 0 ? 1L : 0L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)r->max_redirects);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->deadline_ms);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(r->connect_ms > 0 ? r->connect_ms : 5000));
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
                     (long)((r->stall_ms > 0 ? r->stall_ms : 30000) + 999) / 1000);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (r->unix_socket != NULL) {
        curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    } else {
        curl_easy_setopt(e, CURLOPT_PROXY, f->proxy != NULL ? f->proxy : "");
        curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
        curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
        /* A pooled connection was judged for another request. */
        if (r->refuse_private)
            curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    }
    if (f->ca_file != NULL)
        curl_easy_setopt(e, CURLOPT_CAINFO, f->ca_file);
    if (f->user_agent != NULL)
        curl_easy_setopt(e, CURLOPT_USERAGENT, f->user_agent);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    else if (strcmp(method, "GET") != 0)
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
    if (r->body.base != NULL) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.base);
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
    }
    set_headers(t);
}

static void finish(struct fetcher *f, struct transfer *t, CURLcode code)
{
    long status = 0;

    t->code = code;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->reply.status = (int)status;
    curl_multi_remove_handle(f->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    for (struct transfer **p = &f->active; *p != NULL; p = &(*p)->next) {
        if (*p == t) {
            *p = t->next;
            break;
        }
    }
    pthread_mutex_lock(&f->lock);
    t->done = true;
    pthread_cond_signal(&t->ended);
    pthread_mutex_unlock(&f->lock);
}

static void take_new(struct fetcher *f)
{
    pthread_mutex_lock(&f->lock);
    struct transfer *t = f->first;
    f->first = NULL;
    f->last = &f->first;
    pthread_mutex_unlock(&f->lock);
    while (t != NULL) {
        struct transfer *next = t->next;
        set_up(f, t);
        t->next = f->active;
        f->active = t;
        curl_multi_add_handle(f->multi, t->easy);
        t = next;
    }
}

static void *run(void *arg)
{
    struct fetcher *f = arg;
    int running = 0, left = 0;
    CURLMsg *message;
    struct transfer *t;

    pthread_setname_np(pthread_self(), "uplink");
    while (!atomic_load(&f->stopping)) {
        take_new(f);
        curl_multi_perform(f->multi, &running);
        while ((message = curl_multi_info_read(f->multi, &left)) != NULL) {
            if (message->msg != CURLMSG_DONE)
                continue;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
            finish(f, t, message->data.result);
        }
        curl_multi_poll(f->multi, NULL, 0, 1000, NULL);
    }
    take_new(f);
    while (f->active != NULL)
        finish(f, f->active, CURLE_ABORTED_BY_CALLBACK);
    return NULL;
}

struct fetcher *fetcher_new(const struct fetch_options *options, struct err *err)
{
    struct fetcher *f = xcalloc(1, sizeof(*f));

    curl_global_init(CURL_GLOBAL_DEFAULT);
    f->last = &f->first;
    f->multi = curl_multi_init();
    curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                      (long)(options->max_parallel > 0 ? options->max_parallel : 32));
    pthread_mutex_init(&f->lock, NULL);
    f->ca_file = options->ca_file != NULL ? xstrdup(options->ca_file) : NULL;
    f->proxy = options->proxy != NULL ? xstrdup(options->proxy) : NULL;
    f->user_agent = options->user_agent != NULL ? xstrdup(options->user_agent) : NULL;
    if (pthread_create(&f->thread, NULL, run, f) != 0) {
        err_set(err, ERR_INTERNAL, "no_thread", "The uplink's thread cannot be started.");
        free(f);
        return NULL;
    }
    return f;
}

void fetcher_stop(struct fetcher *f)
{
    atomic_store(&f->stopping, true);
    curl_multi_wakeup(f->multi);
    pthread_join(f->thread, NULL);
    curl_multi_cleanup(f->multi);
    pthread_mutex_destroy(&f->lock);
    free(f->ca_file);
    free(f->proxy);
    free(f->user_agent);
    free(f);
}

static int judge(const struct transfer *t, struct err *err)
{
    if (t->private_address)
        return err_set(err, ERR_UPSTREAM, "upstream_private",
                       "%s leads to a private address, which is not allowed.", t->request->url);
    if (t->too_large)
        return err_set(err, ERR_UPSTREAM, "upstream_too_large",
                       "%s answered with more than %zu bytes.", t->request->url,
                       t->request->max_bytes);
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

int fetch(struct fetcher *f, const struct fetch_request *request, struct pool *pool,
          struct fetch_reply *reply, struct err *err)
{
    struct transfer t = {.request = request, .pool = pool};

    t.reply.headers = pool_zalloc(pool, FETCH_MAX_HEADERS * sizeof(*t.reply.headers));
    buf_init(&t.body, request->max_bytes);
    pthread_cond_init(&t.ended, NULL);
    pthread_mutex_lock(&f->lock);
    bool stopping = atomic_load(&f->stopping);
    if (!stopping) {
        *f->last = &t;
        f->last = &t.next;
    }
    pthread_mutex_unlock(&f->lock);
    if (stopping) {
        pthread_cond_destroy(&t.ended);
        return err_set(err, ERR_UNAVAILABLE, "stopping", "The server is stopping.");
    }
    curl_multi_wakeup(f->multi);
    pthread_mutex_lock(&f->lock);
    while (!t.done)
        pthread_cond_wait(&t.ended, &f->lock);
    pthread_mutex_unlock(&f->lock);
    pthread_cond_destroy(&t.ended);
    t.reply.body = buf_take(&t.body, pool);
    buf_release(&t.body);
    if (judge(&t, err) != 0)
        return -1;
    *reply = t.reply;
    return 0;
}

struct text fetch_header(const struct fetch_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        if (text_is(reply->headers[i].name, name))
            return reply->headers[i].value;
    return TEXT_NONE;
}
