/* A stream of events, read while it is fetched: one thread fetches into a pipe. */
#include "core/err.h"
#include "core/fetch.h"
#include "core/pool.h"
#include "server/client.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define FOLLOW_DEADLINE_MS (24ll * 3600 * 1000)
#define STALL_MS 60000 /* heartbeats come more often */
#define LINE_MAX_BYTES (1u << 20)
#define REFUSAL_MAX (64u << 10)

struct fetching {
    struct client *client;
    struct fetch_request request;
    struct fetch_reply reply;
    struct err err;
    int rc, out;
};

struct reading {
    struct buf line, refusal; /* refusal: how the body begins, in case it is one */
    char event[32];
    const char *wanted;
    void (*take)(void *arg, struct text data);
    void *arg;
};

static void *fetch_all(void *arg)
{
    struct fetching *f = arg;

    f->rc = client_exchange(f->client, &f->request, &f->reply, &f->err);
    close(f->out);
    return NULL;
}

static struct text value_of(struct text line, size_t skip)
{
    struct text value = text_sub(line, skip, line.len);

    return text_starts(value, " ") ? text_sub(value, 1, value.len) : value;
}

/* The server sends the name of an event before its data, which is one line. */
static void take_line(struct reading *r, struct text line)
{
    if (text_ends(line, "\r"))
        line = text_sub(line, 0, line.len - 1);
    if (line.len == 0) {
        r->event[0] = '\0';
    } else if (text_starts(line, "event:")) {
        struct text name = text_sub(value_of(line, 6), 0, sizeof(r->event) - 1);
        memcpy(r->event, name.base, name.len);
        r->event[name.len] = '\0';
    } else if (text_starts(line, "data:") && strcmp(r->event, r->wanted) == 0) {
        r->take(r->arg, value_of(line, 5));
    }
}

static void take_bytes(struct reading *r, struct text bytes)
{
    struct text rest = bytes, part;

    if (r->refusal.len < REFUSAL_MAX)
        buf_text(&r->refusal, text_sub(bytes, 0, REFUSAL_MAX - r->refusal.len));
    while (text_cut(&rest, '\n', &part)) {
        buf_text(&r->line, part);
        if (rest.base == NULL)
            break;
        take_line(r, buf_view(&r->line));
        buf_clear(&r->line);
    }
}

static int read_all(int in, struct reading *r, struct err *err)
{
    char bytes[16384];

    for (;;) {
        ssize_t n = read(in, bytes, sizeof(bytes));
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, "The stream cannot be read");
        take_bytes(r, text_n(bytes, (size_t)n));
        if (buf_failed(&r->line))
            return err_set(err, ERR_UPSTREAM, "long_line", "The server sent an endless line.");
    }
}

int client_events(struct client *client, const char *path, const char *name,
                  void (*take)(void *arg, struct text data), void *arg, struct err *err)
{
    struct fetching f = {.client = client};
    struct reading r = {.wanted = name, .take = take, .arg = arg};
    pthread_t thread;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_errno(err, "A pipe cannot be made");
    f.out = ends[1];
    f.request = (struct fetch_request){.url = pool_printf(client->pool, "%s%s", client->base, path),
                                       .deadline_ms = FOLLOW_DEADLINE_MS,
                                       .stall_ms = STALL_MS,
                                       .max_bytes = SIZE_MAX / 2,
                                       .body_fd = ends[1]};
    buf_init(&r.line, LINE_MAX_BYTES);
    buf_init(&r.refusal, REFUSAL_MAX);
    if (pthread_create(&thread, NULL, fetch_all, &f) != 0) {
        close(ends[0]);
        close(ends[1]);
        return err_set(err, ERR_UNAVAILABLE, "no_thread", "A thread cannot be started.");
    }
    int rc = read_all(ends[0], &r, err);
    if (rc != 0)
        signal(SIGPIPE, SIG_IGN); /* the end of the pipe below ends the fetch, not the program */
    close(ends[0]);
    pthread_join(thread, NULL);
    if (rc == 0 && f.rc != 0) {
        *err = f.err;
        rc = -1;
    } else if (rc == 0 && f.reply.status >= 400) {
        rc = client_problem(client, f.reply.status, text_dup(client->pool, buf_view(&r.refusal)),
                            err);
    }
    buf_release(&r.line);
    buf_release(&r.refusal);
    return rc;
}
