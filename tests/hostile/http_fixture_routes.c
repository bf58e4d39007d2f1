/* What the HTTP fixture answers. */
#include "core/buf.h"
#include "core/digest.h"
#include "core/json.h"
#include "http/call.h"
#include "tests/hostile/http_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t number(struct call *c, const char *name, int64_t preset)
{
    int64_t n = preset;
    (void)text_number(call_query(c, name), 0, INT32_MAX, &n);
    return n;
}

static void get_hello(struct call *c)
{
    atomic_fetch_add(&world.handled, 1);
    call_bytes(c, 200, "text/plain", TEXT("hello\n"));
}

static void post_echo(struct call *c)
{
    atomic_fetch_add(&world.handled, 1);
    call_bytes(c, 200, "application/octet-stream", c->body);
}

static void put_upload(struct call *c)
{
    unsigned char sum[SHA256_BYTES];
    struct buf auto_buf out;
    atomic_fetch_add(&world.handled, 1);
    sha256(c->body, sum);
    buf_init(&out, 1000);
    buf_printf(&out, "{\"bytes\": %zu, \"sum\": \"", c->body.len);
    for (size_t i = 0; i < sizeof(sum); i++)
        buf_printf(&out, "%02x", sum[i]);
    buf_str(&out, "\"}");
    call_json(c, 201, &out);
}

static void get_slow(struct call *c)
{
    usleep((useconds_t)number(c, "ms", 100) * 1000);
    atomic_fetch_add(&world.handled, 1);
    call_bytes(c, 200, "text/plain", TEXT("slow\n"));
}

static void get_fail(struct call *c)
{
    struct err err;
    err_set(&err, ERR_INTERNAL, "internal", "the secret reason");
    call_fail(c, &err);
}

static void post_json(struct call *c)
{
    const struct json *doc;
    struct err err;
    if (call_json_body(c, &doc, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    struct buf auto_buf out;
    buf_init(&out, 1000);
    buf_printf(&out, "{\"members\": %zu}", doc->count);
    call_json(c, 200, &out);
}

static void get_whoami(struct call *c)
{
    static const char *const kinds[] = {"anonymous", "session", "token", "instance"};
    struct buf auto_buf out;
    struct json_writer w;
    buf_init(&out, 8192);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_str(&w, "kind", kinds[c->who->kind]);
    json_put_str(&w, "name", c->who->name);
    json_put_bool(&w, "admin", c->who->admin);
    json_put_text(&w, "host", c->host);
    json_put_text(&w, "peer", c->peer);
    json_put_text(&w, "path", c->path);
    json_put_text(&w, "query", c->query);
    json_put_str(&w, "tenant", c->tenant != NULL ? c->tenant->slug : NULL);
    json_put_str(&w, "instance", c->instance != NULL ? c->instance->instance : NULL);
    json_put_text(&w, "x", call_header(c, "x-test"));
    json_close(&w);
    call_json(c, 200, &out);
}

static void get_file(struct call *c)
{
    int64_t bytes = number(c, "bytes", 1000000);
    struct text path = text_printf(c->pool, "%s/file-%lld", world.dir, (long long)bytes);
    struct text etag = text_printf(c->pool, "\"file-%lld\"", (long long)bytes);
    int fd = open(path.base, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lseek(fd, 0, SEEK_END) < bytes) {
        char *all = malloc((size_t)bytes + 8);
        for (int64_t i = 0; i < bytes; i += 8)
            memcpy(all + i, &i, 8);
        if (pwrite(fd, all, (size_t)bytes, 0) != bytes)
            abort();
        free(all);
    }
    call_file(c, "application/octet-stream", fd, (uint64_t)bytes, etag);
}

static void on_close(void *arg)
{
    struct listener *l = arg;
    pthread_mutex_lock(&world.lock);
    for (struct listener **p = &world.listeners; *p != NULL; p = &(*p)->next) {
        if (*p == l) {
            *p = l->next;
            break;
        }
    }
    pthread_mutex_unlock(&world.lock);
    stream_drop(l->stream);
    free(l);
    atomic_fetch_add(&world.closed, 1);
}

static void get_events(struct call *c)
{
    struct listener *l = calloc(1, sizeof(*l));
    l->stream = call_stream(c, "text/event-stream");
    stream_hold(l->stream);
    stream_on_close(l->stream, on_close, l);
    pthread_mutex_lock(&world.lock);
    l->next = world.listeners;
    world.listeners = l;
    pthread_mutex_unlock(&world.lock);
    stream_event(l->stream, 7, "hello", TEXT("{}"));
}

/* Writes until the queue is full, whether or not anybody reads. */
static void *flood(void *arg)
{
    static char block[8192];
    struct stream *s = arg;
    memset(block, 'x', sizeof(block));
    while (stream_write(s, text_n(block, sizeof(block))))
        usleep(100);
    stream_drop(s);
    atomic_fetch_add(&world.closed, 1);
    return NULL;
}

static void get_flood(struct call *c)
{
    struct stream *s = call_stream(c, "text/plain");
    pthread_t thread;
    stream_hold(s);
    if (pthread_create(&thread, NULL, flood, s) == 0)
        pthread_detach(thread);
}

static void *count(void *arg)
{
    struct stream *s = arg;
    char line[32];
    for (int i = 0; i < 5; i++) {
        (void)snprintf(line, sizeof(line), "line %d\n", i);
        stream_write(s, text_of(line));
        usleep(20000);
    }
    stream_end(s);
    stream_drop(s);
    return NULL;
}

static void get_lines(struct call *c)
{
    struct stream *s = call_stream(c, "text/plain");
    pthread_t thread;
    stream_hold(s);
    if (pthread_create(&thread, NULL, count, s) == 0)
        pthread_detach(thread);
}

static int build(void *arg, struct pool *pool, struct text key, struct text *body, struct err *err)
{
    unsigned n = atomic_fetch_add(&world.builds, 1) + 1;
    usleep(100000);
    if (text_is(key, "bad"))
        return err_set(err, ERR_NOT_FOUND, "not_found", "There is no such body.");
    struct text all = text_printf(pool, "build %u of %.*s\n", n, TEXT_ARG(key));
    if (text_starts(key, "big")) {
        char *more = pool_alloc(pool, 100000);
        for (size_t i = 0; i < 100000; i++)
            more[i] = all.base[i % all.len];
        all = text_n(more, 100000);
    }
    *body = all;
    return 0;
}

static bool ready_now(struct call *c)
{
    return ready_answer(world.ready, c, call_param(c, "key"), "text/plain");
}

static void get_ready(struct call *c)
{
    ready_build(world.ready, c, call_param(c, "key"), "text/plain", build, NULL);
}

static const struct route routes[] = {
    {"GET", "/hello", get_hello, .summary = ""},
    {"POST", "/echo", post_echo, .max_body = 1 << 20},
    {"PUT", "/upload", put_upload, WHO_USER, .max_body = (size_t)128 << 20},
    {"PUT", "/open-upload", put_upload, .max_body = (size_t)128 << 20},
    {"POST", "/small", post_echo, .max_body = 1000},
    {"GET", "/slow", get_slow, .summary = ""},
    {"GET", "/password-lane", get_slow, .lane = LANE_PASSWORD},
    {"GET", "/fail", get_fail, .summary = ""},
    {"POST", "/json", post_json, .summary = ""},
    {"GET", "/whoami", get_whoami, .faces = FACE_PLATFORM | FACE_CARRIER},
    {"POST", "/whoami", get_whoami, .summary = ""},
    {"GET", "/user", get_whoami, WHO_USER, .summary = ""},
    {"POST", "/user", get_whoami, WHO_USER, .summary = ""},
    {"GET", "/before", get_whoami, WHO_USER, .before_change = true},
    {"GET", "/admin", get_whoami, WHO_ADMIN, .summary = ""},
    {"GET", "/tenants/:tenant", get_whoami, WHO_MEMBER, SCOPE_TENANT_READ, .summary = ""},
    {"PUT", "/tenants/:tenant", get_whoami, WHO_MEMBER, SCOPE_TENANT_ADMIN, .summary = ""},
    {"GET", "/runtime", get_whoami, WHO_INSTANCE, .faces = FACE_CARRIER},
    {"GET", "/.redhouse/state", get_whoami, .faces = FACE_EDITOR | FACE_APP},
    {"GET", "/npm/:pkg", get_whoami, .summary = ""},
    {"PUT", "/npm/:pkg", get_whoami, WHO_USER, .summary = ""},
    {"GET", "/file", get_file, .summary = ""},
    {"GET", "/events", get_events, WHO_USER, .summary = ""},
    {"GET", "/flood", get_flood, .summary = ""},
    {"GET", "/lines", get_lines, .summary = ""},
    {"GET", "/ready/:key", get_ready, .ready = ready_now},
};

int fixture_routes(struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), NULL, err);
}
