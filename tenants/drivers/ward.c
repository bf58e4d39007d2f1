#include "tenants/drivers/ward.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/file.h"
#include "core/json.h"
#include "core/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MOST (256u << 10)
#define RETRY_MS 20
/* From the connection on: a warden listens before it builds its sandbox. */
#define GREETING_MS 10000

static void free_ward(void *arg)
{
    struct ward *w = arg;

    buf_release(&w->in);
    free(w);
}

static void end(struct ward *w, const struct instance_end *how)
{
    if (w->dead)
        return;
    w->dead = true;
    loop_timer_clear(w->loop, &w->timer);
    loop_watch_clear(w->loop, &w->watch);
    if (w->watch.fd >= 0)
        close(w->watch.fd);
    w->watch.fd = -1;
    w->events.ended(w->events.arg, w, how);
    /* Its own callbacks may be on the stack. */
    loop_post(w->loop, free_ward, w);
}

static void read_end(const struct json *doc, struct instance_end *how)
{
    static const struct {
        const char *word;
        enum end_kind kind;
    } kinds[] = {
        {"exit", END_EXIT}, {"signal", END_SIGNAL}, {"oom", END_OOM}, {"sandbox", END_SANDBOX}};
    struct text kind = TEXT_NONE, text = TEXT_NONE;
    struct err err;
    int64_t code = 0;

    *how = (struct instance_end){.kind = END_LOST};
    if (json_want_text(doc, "kind", &kind, &err) != 0 ||
        json_want_int(doc, "code", &code, &err) != 0 ||
        json_want_text(doc, "text", &text, &err) != 0)
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (text_is(kind, kinds[i].word))
            how->kind = kinds[i].kind;
    how->code = (int)code;
    snprintf(how->text, sizeof(how->text), "%.*s", TEXT_ARG(text));
}

/* The warden is gone without a word: what it wrote to its run folder, if it is of this generation.
 */
static void end_from_file(struct ward *w)
{
    auto_pool struct pool *pool = pool_new();
    auto_buf struct buf content = {0};
    struct instance_end how = {.kind = END_LOST};
    struct json *doc = NULL;
    struct err err;
    int64_t generation = 0;

    buf_init(&content, 4096);
    if (file_read(pool_printf(pool, "%s/end.json", w->folder), 4096, &content, &err) == 0 &&
        json_read(pool, buf_view(&content), 100, &doc, &err) == 0 &&
        json_want_int(doc, "generation", &generation, &err) == 0 &&
        (w->generation == 0 || generation == w->generation))
        read_end(doc, &how);
    end(w, &how);
}

static void greet(struct ward *w, const struct json *doc)
{
    struct err err;
    int64_t version = 0;

    if (w->greeted || json_want_int(doc, "warden", &version, &err) != 0 || version < 1 ||
        json_want_int(doc, "generation", &w->generation, &err) != 0)
        return;
    (void)json_want_bool(doc, "ready", &w->ready, &err);
    w->greeted = true;
    loop_timer_clear(w->loop, &w->timer);
    w->events.greeted(w->events.arg, w);
}

static void take_line(struct ward *w, struct text line)
{
    auto_pool struct pool *pool = pool_new();
    struct json *doc = NULL;
    struct err err;

    if (json_read(pool, line, 10000, &doc, &err) != 0)
        return;
    const struct json *status = json_get(doc, "status"), *ended = json_get(doc, "end");
    if (json_get(doc, "warden") != NULL) {
        greet(w, doc);
    } else if (status != NULL) {
        struct text event = TEXT_NONE;
        if (json_want_text(status, "event", &event, &err) == 0 && text_is(event, "ready"))
            w->ready = true;
        w->events.status(w->events.arg, w, status->raw);
    } else if (ended != NULL) {
        struct instance_end how;
        read_end(ended, &how);
        end(w, &how);
    }
}

static void on_readable(void *arg, uint32_t events)
{
    struct ward *w = arg;
    char *room = buf_reserve(&w->in, 16384);
    ssize_t n = room != NULL ? read(w->watch.fd, room, 16384) : 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        end_from_file(w);
        return;
    }
    buf_grew(&w->in, (size_t)n);
    while (!w->dead) {
        size_t stop = text_find(buf_view(&w->in), '\n', 0);
        if (stop == SIZE_MAX)
            break;
        take_line(w, text_sub(buf_view(&w->in), 0, stop));
        buf_consume(&w->in, stop + 1);
    }
}

static void on_silence(void *arg)
{
    end_from_file(arg);
}

static void try_connect(void *arg)
{
    struct ward *w = arg;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct err err;
    int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/warden.sock", w->folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && n > 0 && (size_t)n < sizeof(address.sun_path) &&
        connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        w->watch.fd = fd;
        w->timer.fn = on_silence;
        loop_timer_set(w->loop, &w->timer, GREETING_MS);
        if (loop_watch_set(w->loop, &w->watch, EPOLLIN | EPOLLRDHUP, &err) == 0)
            return;
        w->timer.fn = try_connect;
    }
    if (fd >= 0)
        close(fd);
    w->watch.fd = -1;
    if (clock_mono_ms() >= w->give_up_ms)
        end_from_file(w);
    else
        loop_timer_set(w->loop, &w->timer, RETRY_MS);
}

struct ward *ward_new(struct loop *loop, const char *instance, const char *folder,
                      int64_t patience_ms, const struct ward_events *events)
{
    struct ward *w = xcalloc(1, sizeof(*w));

    snprintf(w->instance, sizeof(w->instance), "%s", instance);
    snprintf(w->folder, sizeof(w->folder), "%s", folder);
    w->loop = loop;
    w->events = *events;
    w->watch = (struct loop_watch){.fn = on_readable, .arg = w, .fd = -1};
    w->timer = (struct loop_timer){.fn = try_connect, .arg = w};
    w->give_up_ms = clock_mono_ms() + patience_ms;
    buf_init(&w->in, LINE_MOST);
    /* Never from inside the function that took the callbacks. */
    loop_timer_set(loop, &w->timer, 0);
    return w;
}

void ward_say(struct ward *w, struct text line)
{
    if (w->watch.fd < 0)
        return;
    char *bytes = xprintf("%.*s\n", TEXT_ARG(line));
    size_t n = line.len + 1;
    if (send(w->watch.fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
        (void)shutdown(w->watch.fd, SHUT_RDWR); /* the end of the stream is read next */
    free(bytes);
}
