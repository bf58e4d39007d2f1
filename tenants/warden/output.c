#include "tenants/warden/output.h"

#include "core/loop.h"
#include "core/pool.h"
#include "tenants/warden/lines.h"
#include "tenants/warden/logfile.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LINE_MAX_BYTES 16384
/* Past this many bytes in a period the pipe fills and the writer waits: one instance's chatter
 * costs the machine no more. */
#define PERIOD_MS 250
#define PERIOD_BYTES (256 << 10)
#define DRAIN_BYTES (1 << 20)

struct output {
    struct loop *loop;
    struct logfile *log;
    struct loop_watch watch;
    struct loop_timer pause;
    struct lines lines;
    int64_t seen;
};

static void on_line(void *arg, struct text line)
{
    struct output *o = arg;

    logfile_line(o->log, line);
}

/* Bytes read, 0 at the end, -1 when there is nothing now. */
static ssize_t read_some(struct output *o)
{
    static char part[16384];
    ssize_t n = read(o->watch.fd, part, sizeof(part));

    if (n > 0)
        lines_feed(&o->lines, part, (size_t)n, on_line, o);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        n = 0;
    return n;
}

static void on_pause(void *arg)
{
    struct output *o = arg;

    o->seen = 0;
    (void)loop_watch_set(o->loop, &o->watch, EPOLLIN, NULL);
}

static void on_output(void *arg, uint32_t events)
{
    struct output *o = arg;
    ssize_t n = read_some(o);

    (void)events;
    if (n == 0) {
        loop_watch_clear(o->loop, &o->watch);
        return;
    }
    o->seen += n > 0 ? n : 0;
    if (!o->pause.armed)
        loop_timer_set(o->loop, &o->pause, PERIOD_MS);
    if (o->seen >= PERIOD_BYTES)
        loop_watch_clear(o->loop, &o->watch);
}

struct output *output_open(struct loop *loop, int fd, struct logfile *log, struct err *err)
{
    struct output *o = xcalloc(1, sizeof(*o));

    o->loop = loop;
    o->log = log;
    o->watch = (struct loop_watch){.fn = on_output, .arg = o, .fd = fd};
    o->pause = (struct loop_timer){.fn = on_pause, .arg = o};
    o->lines = (struct lines){
        .buf = xmalloc(LINE_MAX_BYTES), .max = LINE_MAX_BYTES, .excess = LINES_SPLIT};
    if (loop_watch_set(loop, &o->watch, EPOLLIN, err) == 0)
        return o;
    output_close(o);
    return NULL;
}

void output_drain(struct output *output)
{
    int64_t total = 0;
    ssize_t n;

    while (total < DRAIN_BYTES && (n = read_some(output)) > 0)
        total += n;
    lines_end(&output->lines, on_line, output);
}

void output_close(struct output *output)
{
    if (output == NULL)
        return;
    loop_watch_clear(output->loop, &output->watch);
    loop_timer_clear(output->loop, &output->pause);
    close(output->watch.fd);
    free(output->lines.buf);
    free(output);
}
