#include "http/server.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/log.h"
#include "http/access.h"
#include "http/door.h"
#include "http/hosts.h"
#include "http/listen.h"
#include "http/peers.h"
#include "http/proxy.h"
#include "http/request.h"
#include "http/server_part.h"
#include "http/stream_part.h"
#include "http/tls.h"
#include "http/watch.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STREAM_HEARTBEAT_MS 15000
#define DRAIN_TICK_MS 50
#define TURN_NS 100000

/* One carrier: its door lives on one loop. */
struct carrier {
    char *instance;
    struct http_loop *loop;
    struct carrier *next;
};

/* Configuration. */

static const char *copy(struct pool *pool, const char *s)
{
    return s != NULL ? pool_strdup(pool, s) : NULL;
}

static void copy_config(struct http_server *s, const struct http_config *config)
{
    struct pool *pool = s->pool;
    struct http_config *c = &s->config;

    *c = *config;
    c->listen = copy(pool, config->listen);
    c->domain = copy(pool, config->domain);
    c->instance_domain = copy(pool, config->instance_domain);
    c->public_url = copy(pool, config->public_url);
    c->spool_dir = copy(pool, config->spool_dir);
    c->token_prefix = config->token_prefix != NULL ? copy(pool, config->token_prefix) : "rh";
    s->scheme = text_starts(text_of(c->public_url), "https://") ? TEXT("https") : TEXT("http");
    c->cookie_name = text_is(s->scheme, "https")
                         ? pool_printf(pool, "__Host-%s", config->cookie_name)
                         : copy(pool, config->cookie_name);
    s->domain = text_of(c->domain);
    s->instance_domain = text_of(c->instance_domain);
    s->token_start = pool_printf(pool, "%s_", c->token_prefix);
    if (c->max_connections == 0)
        c->max_connections = 10000;
    if (c->max_spool_bytes == 0)
        c->max_spool_bytes = (size_t)2 << 30;
    c->head_ms = c->head_ms > 0 ? c->head_ms : 10000;
    c->idle_ms = c->idle_ms > 0 ? c->idle_ms : 60000;
    c->stall_ms = c->stall_ms > 0 ? c->stall_ms : 30000;
}

/* libh2o's part of it: one host, one path, our handler; immutable once a loop runs. */
static void open_conf(struct http_server *s)
{
    h2o_config_init(&s->conf);
    s->conf.http1.upgrade_to_http2 = 0;
    s->conf.http1.req_timeout = 300000; /* the sweep is stricter */
    s->conf.max_request_entity_size = HTTP_MAX_BODY;
    s->conf.server_name = h2o_iovec_init(H2O_STRLIT("redhouse"));
    s->host = h2o_config_register_host(&s->conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(s->host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = gate_on_req;
    h2o_create_handler(&s->host->fallback_path, sizeof(h2o_handler_t))->on_req = gate_on_req;
    access_log_register(path);
    access_log_register(&s->host->fallback_path);
    path->error_log.emit_request_errors = 0;
    s->host->fallback_path.error_log.emit_request_errors = 0;
    h2o_socket_buffer_mmap_settings.threshold = (size_t)1 << 20;
    snprintf(h2o_socket_buffer_mmap_settings.fn_template,
             sizeof(h2o_socket_buffer_mmap_settings.fn_template), "%s/body.XXXXXX",
             s->config.spool_dir);
}

static void open_lanes(struct http_server *s)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned quick = s->config.workers > 0 ? s->config.workers : 4 * (unsigned)cores;

    s->n_loops = s->config.loops > 0 ? s->config.loops : (unsigned)cores;
    s->lanes[LANE_QUICK] = lane_new("quick", quick, 4096);
    s->lanes[LANE_PASSWORD] = lane_new("password", (unsigned)cores, 64);
    s->lanes[LANE_READ] = lane_new("read", 2 * (unsigned)cores, 512);
    s->lanes[LANE_ARCHIVE] = lane_new_patient("archive", 2 * (unsigned)cores, 512);
    s->lanes[LANE_OUTSIDE] = lane_new_patient("outside", 4 * (unsigned)cores, 512);
}

/* Every loop binds sockets of its own to the same ports, so that the kernel spreads connections. */
static int bind_all(struct http_server *s, struct listen_address *addresses, unsigned *n,
                    struct err *err)
{
    struct text rest = text_of(s->config.listen), one;

    while (text_cut(&rest, ',', &one)) {
        if (*n == HTTP_MAX_LISTENERS)
            return err_set(err, ERR_INVALID, "bad_listen",
                           "At most %d addresses can be listened on.", HTTP_MAX_LISTENERS);
        struct listen_address *a = &addresses[*n];
        if (listen_parse(text_trim(one), a, err) != 0 || (s->fds[*n] = listen_tcp(a, err)) < 0)
            return -1;
        (*n)++;
    }
    s->n_fds = *n;
    s->port = listen_port(&addresses[0]);
    return 0;
}

/* A second socket of the same port, without the look for strangers. */
static int bind_again(const struct listen_address *address, struct err *err)
{
    int one = 1;
    int fd = socket(address->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return err_errno(err, "A socket cannot be made");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)&address->sa, address->len) == 0 && listen(fd, 1024) == 0)
        return fd;
    err_errno(err, "Port %d cannot be listened on", listen_port(address));
    close(fd);
    return -1;
}

/* Loops. */

struct loop_start {
    struct http_loop *loop;
    int fds[HTTP_MAX_LISTENERS];
    unsigned n;
};

static void close_idle(struct http_loop *loop);

static bool is_drained(struct http_loop *loop)
{
    return loop->n_conns == 0 && loop->n_running == 0 && proxy_busy(loop->proxy) == 0;
}

static void run_until_drained(struct http_loop *loop)
{
    const struct http_server *s = loop->server;

    while (!is_drained(loop)) {
        int64_t now = clock_mono_ms();
        if (now > s->stop_at_ms && !loop->cut) {
            loop->cut = true;
            proxy_close_instance(loop->proxy, NULL);
        }
        if (now > s->stop_at_ms + 1000)
            break;
        close_idle(loop);
        h2o_evloop_run(loop->ctx.loop, DRAIN_TICK_MS);
    }
}

/* A request waits for its loop, and workers have their whole slice first (3 ms) unless the loop
 * asks for short ones (Linux 6.12; older kernels pass it over). */
static void take_short_turns(void)
{
    /* sched_setattr(2), first version: glibc 2.36 has none, and the kernel's header clashes with it
     */
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns, deadline_ns, period_ns;
    } attr = {.size = sizeof attr};
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) != 0 || attr.policy != SCHED_OTHER)
        return;
    attr.runtime_ns = TURN_NS;
    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

static void *run_loop(void *arg)
{
    struct loop_start *start = arg;
    struct http_loop *loop = start->loop;
    struct http_server *s = loop->server;
    take_short_turns();
    struct proxy_config proxy = {.scheme = text_is(s->scheme, "https") ? "https" : "http",
                                 .cookie_name = s->config.cookie_name,
                                 .token_prefix = s->config.token_prefix,
                                 .wait_ms = s->config.wait_ms,
                                 .hosts = s->config.hosts,
                                 .account = s->config.account};

    http_loop_open(loop, &s->conf);
    h2o_timeout_init(loop->ctx.loop, &loop->heartbeat, STREAM_HEARTBEAT_MS);
    loop->id_base = (uint64_t)clock_wall_ms() << 20 | (uint64_t)loop->index << 16;
    loop->proxy = proxy_loop_new(loop, &proxy);
    for (unsigned i = 0; i < start->n; i++)
        door_open(loop, DOOR_PUBLIC, start->fds[i], NULL);
    atomic_store(&loop->up, true);
    pthread_barrier_wait(&s->started);
    free(start);
    while (!atomic_load(&s->stopping))
        h2o_evloop_run(loop->ctx.loop, INT32_MAX);
    run_until_drained(loop);
    return NULL;
}

static int start_loops(struct http_server *s, const struct listen_address *addresses,
                       struct err *err)
{
    s->loops = xcalloc(s->n_loops, sizeof(*s->loops));
    pthread_barrier_init(&s->started, NULL, s->n_loops + 1);
    for (unsigned i = 0; i < s->n_loops; i++) {
        struct loop_start *start = xcalloc(1, sizeof(*start));
        start->loop = &s->loops[i];
        start->n = s->n_fds;
        s->loops[i].server = s;
        s->loops[i].index = i;
        s->loops[i].log = access_log_ring(s->log, i);
        for (unsigned k = 0; k < s->n_fds; k++) {
            start->fds[k] = i == 0 ? s->fds[k] : bind_again(&addresses[k], err);
            if (start->fds[k] < 0)
                return -1;
        }
        if (pthread_create(&s->loops[i].thread, NULL, run_loop, start) != 0)
            return err_set(err, ERR_INTERNAL, "no_thread", "A thread cannot be started.");
    }
    pthread_barrier_wait(&s->started);
    return 0;
}

/* What every loop is told. */

static void each_loop(struct http_server *s, void (*fn)(struct http_loop *, void *),
                      const char *text)
{
    for (unsigned i = 0; i < s->n_loops; i++)
        http_loop_post(&s->loops[i], fn, text != NULL ? xstrdup(text) : NULL);
}

static void on_hosts(struct http_loop *loop, void *arg)
{
    proxy_hosts_changed(loop->proxy);
}

static void hosts_changed(void *arg)
{
    each_loop(arg, on_hosts, NULL);
}

static void on_close_instance(struct http_loop *loop, void *arg)
{
    proxy_close_instance(loop->proxy, arg);
    free(arg);
}

void http_server_close_instance(struct http_server *server, const char *instance)
{
    each_loop(server, on_close_instance, instance);
}

static void on_rights_ended(struct http_loop *loop, void *arg)
{
    proxy_close_ended(loop->proxy, arg);
    streams_judge(loop, arg);
    free(arg);
}

static void rights_ended(void *arg, const char *user)
{
    each_loop(arg, on_rights_ended, user);
}

/* Carriers and the admin socket: one door each, on one loop. */

struct new_door {
    enum door_kind kind;
    int fd;
    char *instance;
};

static void on_new_door(struct http_loop *loop, void *arg)
{
    struct new_door *d = arg;

    door_open(loop, d->kind, d->fd, d->instance);
    free(d->instance);
    free(d);
}

static int add_door(struct http_loop *loop, enum door_kind kind, const char *path,
                    const char *instance, struct err *err)
{
    struct new_door *d = xcalloc(1, sizeof(*d));

    d->kind = kind;
    d->fd = listen_unix(path, err);
    if (d->fd < 0) {
        free(d);
        return -1;
    }
    d->instance = instance != NULL ? xstrdup(instance) : NULL;
    http_loop_post(loop, on_new_door, d);
    return 0;
}

static void on_close_door(struct http_loop *loop, void *arg)
{
    for (h2o_linklist_t *l = loop->doors.next, *next; l != &loop->doors; l = next) {
        struct door *door = H2O_STRUCT_FROM_MEMBER(struct door, link, l);
        next = l->next;
        if (door->kind == DOOR_CARRIER && door->listener != NULL &&
            strcmp(door->instance, arg) == 0)
            door_close(door);
    }
    free(arg);
}

int http_server_carrier_open(struct http_server *server, const char *path, const char *instance,
                             struct err *err)
{
    struct carrier *c;

    http_server_carrier_close(server, instance);
    pthread_mutex_lock(&server->lock);
    c = xcalloc(1, sizeof(*c));
    c->instance = xstrdup(instance);
    c->loop = &server->loops[server->next_carrier++ % server->n_loops];
    c->next = server->carriers;
    int rc = add_door(c->loop, DOOR_CARRIER, path, instance, err);
    if (rc == 0) {
        server->carriers = c;
    } else {
        free(c->instance);
        free(c);
    }
    pthread_mutex_unlock(&server->lock);
    return rc;
}

void http_server_carrier_close(struct http_server *server, const char *instance)
{
    pthread_mutex_lock(&server->lock);
    for (struct carrier **p = &server->carriers; *p != NULL; p = &(*p)->next) {
        struct carrier *c = *p;
        if (strcmp(c->instance, instance) != 0)
            continue;
        *p = c->next;
        http_loop_post(c->loop, on_close_door, c->instance);
        free(c);
        break;
    }
    pthread_mutex_unlock(&server->lock);
}

int http_server_admin_open(struct http_server *server, const char *path, const char *secret,
                           struct err *err)
{
    server->admin_secret = xstrdup(secret);
    return add_door(&server->loops[0], DOOR_ADMIN, path, NULL, err);
}

/* Start and stop. */

struct http_server *http_server_start(const struct http_config *config, struct err *err)
{
    struct http_server *s = xcalloc(1, sizeof(*s));
    struct listen_address addresses[HTTP_MAX_LISTENERS] = {0};
    unsigned n = 0;

    s->pool = pool_new();
    pthread_mutex_init(&s->lock, NULL);
    copy_config(s, config);
    if (peers_parse(s->pool, config->trusted_proxies, &s->trusted, err) != 0 ||
        (config->tls_dir != NULL && (s->tls = tls_open(config->tls_dir, err)) == NULL) ||
        (config->carrier_tls_dir != NULL &&
         (s->carrier_tls = tls_open(config->carrier_tls_dir, err)) == NULL) ||
        bind_all(s, addresses, &n, err) != 0)
        return NULL;
    open_conf(s);
    open_lanes(s);
    if (config->access_log != NULL &&
        (s->log = access_log_open(config->access_log, s->n_loops, err)) == NULL)
        return NULL;
    if (start_loops(s, addresses, err) != 0)
        return NULL;
    hosts_on_put(config->hosts, hosts_changed, s);
    account_on_ended(config->account, rights_ended, s);
    return s;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

int http_server_reload(struct http_server *server, struct err *err)
{
    return server->tls != NULL ? tls_reload(server->tls, err) : 0;
}

/* Connections between requests are told to go; the others end with their answer. */
static int on_request(h2o_req_t *req, void *arg)
{
    struct http_loop *loop = arg;
    struct conn *conn = conn_of(req);

    if (loop->cut)
        conn_cut(conn);
    else if (conn->phase == CONN_IDLE && conn->sock->input->size == 0)
        conn_cut_idle(conn);
    return 0;
}

static void close_idle(struct http_loop *loop)
{
    loop->server->conf.http1.callbacks.foreach_request(&loop->ctx, on_request, loop);
}

static void on_stop(struct http_loop *loop, void *arg)
{
    for (h2o_linklist_t *l = loop->doors.next, *next; l != &loop->doors; l = next) {
        next = l->next;
        door_close(H2O_STRUCT_FROM_MEMBER(struct door, link, l));
    }
    loop->draining = true;
    proxy_close_instance(loop->proxy,
                         NULL); /* editors connect again by themselves, to the next server */
    h2o_context_request_shutdown(&loop->ctx);
    streams_end(loop);
    close_idle(loop);
}

void http_server_stop(struct http_server *server, int64_t deadline_ms)
{
    server->stop_at_ms = clock_mono_ms() + deadline_ms;
    hosts_on_put(server->config.hosts, NULL, NULL);
    atomic_store(&server->stopping, true);
    each_loop(server, on_stop, NULL);
    for (unsigned i = 0; i < server->n_loops; i++)
        pthread_join(server->loops[i].thread, NULL);
    for (int i = 0; i < LANE_COUNT; i++)
        lane_stop(server->lanes[i]);
    account_on_ended(server->config.account, NULL, NULL); /* their handlers told of it till now */
    access_log_close(server->log);
    /* Contexts of libh2o 2.2.5 cannot be taken down (they assert): the process ends soon. */
}
