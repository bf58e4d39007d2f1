#include "http/logfile.h"

#include "core/json.h"
#include "core/pool.h"
#include "http/call.h"
#include "http/stream.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_TAIL_MOST 5000
#define LOG_READ_MOST (2u << 20)
#define LOG_FOLLOWERS_MOST 64
#define LOG_POLL_MS 300

static atomic_uint followers;

static int open_log(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return err_set(err, ERR_NOT_FOUND, "no_log", "Nothing has been logged yet.");
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_INTERNAL, "bad_log", "The log is no regular file.");
    }
    return fd;
}

/* The last `lines` lines of fd, at most LOG_READ_MOST bytes; leaves *end at the file's end. */
static struct text read_tail(struct pool *pool, int fd, int64_t lines, off_t *end)
{
    struct stat st;
    off_t from;

    if (fstat(fd, &st) != 0)
        st.st_size = 0;
    from = st.st_size > LOG_READ_MOST ? st.st_size - LOG_READ_MOST : 0;
    char *bytes = pool_alloc(pool, (size_t)(st.st_size - from) + 1);
    ssize_t n = pread(fd, bytes, (size_t)(st.st_size - from), from);
    if (n < 0)
        n = 0;
    *end = from + n;
    size_t start = (size_t)n;
    for (int64_t seen = 0; start > 0; start--) {
        if (bytes[start - 1] == '\n' && start != (size_t)n && ++seen == lines)
            break;
    }
    return text_n(bytes + start, (size_t)n - start);
}

struct follower {
    struct stream *stream;
    char *path;
    int fd;
    off_t at;
    bool whole;
    char part[8192]; /* a line without its end so far */
    size_t part_len;
};

static void send_line(struct follower *f, struct pool *pool, struct text line)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 6 * sizeof(f->part) + 16);
    json_writer_init(&w, &out);
    json_text(&w, line);
    stream_event(f->stream, 0, "line", text_dup(pool, buf_view(&out)));
}

static void send_bytes(struct follower *f, const char *bytes, size_t n)
{
    auto_pool struct pool *pool = pool_new();

    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n' || f->part_len == sizeof(f->part)) {
            send_line(f, pool, text_n(f->part, f->part_len));
            f->part_len = 0;
        }
        if (bytes[i] != '\n')
            f->part[f->part_len++] = bytes[i];
    }
}

/* The file at the path is another one now: the log was rotated. */
static void follow_rotation(struct follower *f)
{
    struct stat now, open_one;

    if (stat(f->path, &now) != 0 || fstat(f->fd, &open_one) != 0 || now.st_ino == open_one.st_ino)
        return;
    int fd = open(f->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    close(f->fd);
    f->fd = fd;
    f->at = 0;
}

void logfile_finish(int fd)
{
    (void)fchmod(fd, 0400);
}

static bool is_finished(const struct follower *f)
{
    struct stat st;

    return f->whole || (fstat(f->fd, &st) == 0 && (st.st_mode & S_IWUSR) == 0);
}

static void end(struct follower *f)
{
    auto_pool struct pool *pool = pool_new();

    if (f->part_len > 0)
        send_line(f, pool, text_n(f->part, f->part_len));
    stream_event(f->stream, 0, "end", TEXT("{}"));
    stream_end(f->stream);
}

static void *follow(void *arg)
{
    struct follower *f = arg;
    char bytes[16384];

    while (stream_is_open(f->stream)) {
        /* Looked at before reading: what is read after it was finished is all there is. */
        bool finished = is_finished(f);
        ssize_t n = pread(f->fd, bytes, sizeof(bytes), f->at);
        if (n > 0) {
            f->at += n;
            send_bytes(f, bytes, (size_t)n);
            continue;
        }
        if (finished) {
            end(f);
            break;
        }
        follow_rotation(f);
        usleep(LOG_POLL_MS * 1000);
    }
    stream_drop(f->stream);
    close(f->fd);
    free(f->path);
    free(f);
    atomic_fetch_sub(&followers, 1);
    return NULL;
}

struct place {
    const char *path;
    int fd;
    off_t at;
    bool whole;
};

static void start_following(struct call *c, const struct place *place, struct text tail)
{
    struct follower *f = xcalloc(1, sizeof(*f));
    pthread_attr_t attr;
    pthread_t thread;

    f->fd = place->fd;
    f->at = place->at;
    f->whole = place->whole;
    f->path = xstrdup(place->path);
    f->stream = call_stream(c, "text/event-stream");
    stream_hold(f->stream);
    send_bytes(f, tail.base, tail.len);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 256u << 10);
    pthread_create(&thread, &attr, follow, f);
    pthread_attr_destroy(&attr);
}

void logfile_serve(struct call *c, const char *path, bool whole)
{
    struct err err;
    int64_t lines = 200;
    struct text tail = call_query(c, "tail");
    off_t end = 0;
    int fd = -1;

    if (tail.len > 0 && !text_number(tail, 1, LOG_TAIL_MOST, &lines)) {
        err_set(&err, ERR_INVALID, "bad_tail", "tail must be a number from 1 to %d.",
                LOG_TAIL_MOST);
        goto fail;
    }
    fd = open_log(path, &err);
    if (fd < 0)
        goto fail;
    struct text bytes = read_tail(c->pool, fd, lines, &end);
    if (!text_is(call_query(c, "follow"), "true")) {
        close(fd);
        call_bytes(c, 200, "text/plain; charset=utf-8", bytes);
        return;
    }
    if (atomic_fetch_add(&followers, 1) >= LOG_FOLLOWERS_MOST) {
        atomic_fetch_sub(&followers, 1);
        close(fd);
        err_set(&err, ERR_UNAVAILABLE, "too_many_followers",
                "Too many logs are followed at once; try again later.");
        goto fail;
    }
    start_following(c, &(struct place){path, fd, end, whole}, bytes);
    return;
fail:
    call_fail(c, &err);
}
