#include "tenants/warden/launcher.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"
#include "core/loop.h"
#include "core/pool.h"
#include "tenants/warden/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_BYTES 16384
#define LINE_NODES 500
#define BACKLOG_BYTES 65536
/* Lines a period, then it waits: a channel that is shouted into costs no more than this. */
#define PERIOD_MS 250
#define PERIOD_LINES 100
#define DRAIN_BYTES 65536

struct launcher {
    struct launcher_config config;
    struct loop_watch watch;
    struct loop_timer pause;
    struct lines lines;
    struct buf out;
    unsigned seen; /* lines of this period */
    bool ended;
};

static void on_line(void *arg, struct text line)
{
    struct launcher *l = arg;
    struct text event = TEXT_NONE, message = TEXT_NONE;
    struct json *json;

    l->seen++;
    if (line.len == 0)
        return;
    struct pool *pool = pool_new();
    if (json_read(pool, line, LINE_NODES, &json, NULL) == 0 && json->type == JSON_OBJECT &&
        json_need_text(json, "event", &event, NULL) == 0) {
        if (text_is(event, "fatal"))
            (void)json_want_text(json, "message", &message, NULL);
        l->config.status(l->config.arg, json->raw, event, message);
    }
    pool_free(pool);
}

static void watch(struct launcher *l)
{
    uint32_t events = l->pause.armed ? 0 : EPOLLIN;

    if (l->out.len > 0)
        events |= EPOLLOUT;
    if (events == 0 || l->ended)
        loop_watch_clear(l->config.loop, &l->watch);
    else
        (void)loop_watch_set(l->config.loop, &l->watch, events, NULL);
}

/* Bytes read, 0 at the end, -1 when there is nothing now. */
static ssize_t read_some(struct launcher *l)
{
    static char part[4096];
    ssize_t n = recv(l->watch.fd, part, sizeof(part), MSG_DONTWAIT);

    if (n > 0)
        lines_feed(&l->lines, part, (size_t)n, on_line, l);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        n = 0;
    return n;
}

static void on_pause(void *arg)
{
    struct launcher *l = arg;

    l->seen = 0;
    watch(l);
}

static void flush(struct launcher *l)
{
    while (l->out.len > 0) {
        ssize_t n = send(l->watch.fd, l->out.base, l->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            buf_clear(&l->out);
            return;
        }
        buf_consume(&l->out, (size_t)n);
    }
}

static void on_channel(void *arg, uint32_t events)
{
    struct launcher *l = arg;

    if ((events & EPOLLOUT) != 0)
        flush(l);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && read_some(l) == 0)
        l->ended = true;
    if (l->seen >= PERIOD_LINES && !l->pause.armed)
        loop_timer_set(l->config.loop, &l->pause, PERIOD_MS);
    watch(l);
}

struct launcher *launcher_open(const struct launcher_config *config, struct err *err)
{
    struct launcher *l = xcalloc(1, sizeof(*l));

    l->config = *config;
    l->watch = (struct loop_watch){.fn = on_channel, .arg = l, .fd = config->fd};
    l->pause = (struct loop_timer){.fn = on_pause, .arg = l};
    l->lines =
        (struct lines){.buf = xmalloc(LINE_MAX_BYTES), .max = LINE_MAX_BYTES, .excess = LINES_DROP};
    buf_init(&l->out, BACKLOG_BYTES);
    if (loop_watch_set(config->loop, &l->watch, EPOLLIN, err) == 0)
        return l;
    launcher_close(l);
    return NULL;
}

void launcher_command(struct launcher *launcher, struct text json)
{
    if (launcher->ended || launcher->out.len + json.len + 1 > BACKLOG_BYTES)
        return;
    buf_text(&launcher->out, json);
    buf_char(&launcher->out, '\n');
    flush(launcher);
    watch(launcher);
}

void launcher_drain(struct launcher *launcher)
{
    size_t total = 0;
    ssize_t n;

    while (total < DRAIN_BYTES && (n = read_some(launcher)) > 0)
        total += (size_t)n;
}

void launcher_close(struct launcher *launcher)
{
    if (launcher == NULL)
        return;
    loop_watch_clear(launcher->config.loop, &launcher->watch);
    loop_timer_clear(launcher->config.loop, &launcher->pause);
    close(launcher->watch.fd);
    buf_release(&launcher->out);
    free(launcher->lines.buf);
    free(launcher);
}
