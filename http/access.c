#include "http/access.h"

#include "http/loop.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING_BYTES 262144u /* a power of two */
#define PATH_BYTES 512     /* of a target that are kept */
#define BATCH_MS 50
#define OUT_BYTES ((size_t)1 << 20)

enum field { FIELD_METHOD, FIELD_HOST, FIELD_PATH, FIELD_WHO, FIELD_ID, FIELD_PEER, FIELD_COUNT };

/* What stands in the ring before the texts. */
struct record {
    int64_t wall_ms;
    uint64_t bytes;
    uint32_t took_ms;
    uint16_t status;
    uint16_t len[FIELD_COUNT];
};

/* One producer, the loop; one consumer, the writing thread. */
struct log_ring {
    struct access_log *log;
    atomic_uint written, read; /* counted on without end */
    atomic_uint lost;
    char bytes[RING_BYTES];
};

struct access_log {
    char *path;
    int fd;
    int wake; /* eventfd */
    atomic_bool asleep;
    atomic_bool stopping;
    pthread_t thread;
    unsigned n_rings;
    struct log_ring **rings;
    struct buf out;
};

/* The loops' side. */

static void put(struct log_ring *ring, unsigned *at, const void *p, size_t n)
{
    size_t from = *at % RING_BYTES, first = n < RING_BYTES - from ? n : RING_BYTES - from;
    memcpy(ring->bytes + from, p, first);
    memcpy(ring->bytes, (const char *)p + first, n - first);
    *at += (unsigned)n;
}

static void wake(struct access_log *log)
{
    uint64_t one = 1;
    if (atomic_exchange(&log->asleep, false) && write(log->wake, &one, sizeof(one)) < 0)
        return; /* it is awake already */
}

static void ring_add(struct log_ring *ring, const struct record *record, const struct text *texts)
{
    unsigned at = atomic_load_explicit(&ring->written, memory_order_relaxed);
    size_t used = at - atomic_load_explicit(&ring->read, memory_order_acquire);
    size_t size = sizeof(*record);
    for (int i = 0; i < FIELD_COUNT; i++)
        size += record->len[i];
    if (used + size > RING_BYTES) {
        atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
        return;
    }
    put(ring, &at, record, sizeof(*record));
    for (int i = 0; i < FIELD_COUNT; i++)
        put(ring, &at, texts[i].base != NULL ? texts[i].base : "", record->len[i]);
    /* in one order with the thread's look at written after it said that it sleeps */
    atomic_store(&ring->written, at);
    if (atomic_load(&ring->log->asleep))
        wake(ring->log);
}

/* Kept in the request's pool under this name, because the judge's own memory may be gone by then.
 */
#define NOTE_ENV "redhouse.note"

struct note {
    struct text who, id, peer;
};

void access_note(h2o_req_t *req, struct text who, struct text id, struct text peer)
{
    if (http_loop_of(req)->log == NULL)
        return;
    struct note *note = h2o_mem_alloc_pool(&req->pool, sizeof(*note));
    char *copy = h2o_mem_alloc_pool(&req->pool, who.len + id.len + peer.len + 1);
    struct text *to[] = {&note->who, &note->id, &note->peer};
    struct text from[] = {who, id, peer};
    for (int i = 0; i < 3; i++) {
        if (from[i].len > 0)
            memcpy(copy, from[i].base, from[i].len);
        *to[i] = text_n(copy, from[i].len);
        copy += from[i].len;
    }
    *h2o_req_getenv(req, H2O_STRLIT(NOTE_ENV), 1) = h2o_iovec_init(note, sizeof(*note));
}

static struct text view(h2o_iovec_t v, size_t most)
{
    return text_n(v.base, v.len < most ? v.len : most);
}

struct text access_path(struct text path)
{
    static const char *const marks[] = {"/token/", "/-/login/", "/-/v1/done/"};
    static const char catalogue[] = "/catalogue/";
    if (text_starts(path, catalogue))
        return text_sub(path, 0, sizeof(catalogue) - 1);
    for (size_t i = 0; path.len > 0 && i < sizeof(marks) / sizeof(marks[0]); i++) {
        size_t len = strlen(marks[i]);
        const char *at = memmem(path.base, path.len, marks[i], len);
        if (at != NULL)
            return text_sub(path, 0, (size_t)(at - path.base) + len);
    }
    return path;
}

static void on_access(h2o_logger_t *self, h2o_req_t *req)
{
    struct http_loop *loop = http_loop_of(req);
    if (loop->log == NULL)
        return;
    const h2o_iovec_t *env = h2o_req_getenv(req, H2O_STRLIT(NOTE_ENV), 0);
    struct note note = {0};
    if (env != NULL)
        memcpy(&note, env->base, sizeof(note));
    struct timeval now = *h2o_get_timestamp(&loop->ctx, NULL, NULL), then = req->processed_at.at;
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
    int64_t took = now_ms - ((int64_t)then.tv_sec * 1000 + then.tv_usec / 1000);
    struct text texts[FIELD_COUNT] = {
        [FIELD_METHOD] = view(req->input.method, 32),
        [FIELD_HOST] = view(req->input.authority, 255),
        [FIELD_PATH] = access_path(view(req->input.path, PATH_BYTES)),
        [FIELD_WHO] = note.who,
        [FIELD_ID] = note.id,
        [FIELD_PEER] = note.peer,
    };
    struct record record = {.wall_ms = now_ms,
                            .bytes = req->bytes_sent,
                            .took_ms = took > 0 ? (uint32_t)took : 0,
                            .status = (uint16_t)req->res.status};
    for (int i = 0; i < FIELD_COUNT; i++)
        record.len[i] = (uint16_t)texts[i].len;
    ring_add(loop->log, &record, texts);
}

void access_log_register(h2o_pathconf_t *path)
{
    h2o_create_logger(path, sizeof(h2o_logger_t))->log_access = on_access;
}

/* The thread's side. */

static void get(const struct log_ring *ring, unsigned at, void *p, size_t n)
{
    size_t from = at % RING_BYTES, first = n < RING_BYTES - from ? n : RING_BYTES - from;
    memcpy(p, ring->bytes + from, first);
    memcpy((char *)p + first, ring->bytes, n - first);
}

/* In quotes when something in it could be taken for more than a value. */
static void add_value(struct buf *out, struct text value)
{
    bool plain = value.len > 0;
    for (size_t i = 0; i < value.len && plain; i++) {
        unsigned char c = (unsigned char)value.base[i];
        plain = c > 0x20 && c < 0x7f && c != '"' && c != '\\';
    }
    if (plain) {
        buf_text(out, value);
        return;
    }
    buf_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.base[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            buf_printf(out, "\\x%02x", c);
        else
            buf_char(out, (char)c);
    }
    buf_char(out, '"');
}

static void add_line(struct buf *out, struct pool *pool, const struct record *record,
                     const struct text *texts)
{
    static const char *const names[] = {"method", "host", "path", "who", "id", "peer"};
    buf_printf(out, "%s info access request", clock_iso(pool, record->wall_ms));
    for (int i = 0; i < FIELD_COUNT; i++) {
        buf_printf(out, " %s=", names[i]);
        add_value(out, texts[i]);
    }
    buf_printf(out, " status=%u bytes=%" PRIu64 " ms=%u\n", record->status, record->bytes,
               record->took_ms);
}

static void flush(struct access_log *log)
{
    size_t done = 0;
    while (done < log->out.len) {
        ssize_t n = write(log->fd, log->out.base + done, log->out.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break; /* a full disk costs log lines, not requests */
        done += (size_t)n;
    }
    buf_clear(&log->out);
}

static unsigned take_record(struct access_log *log, struct pool *pool, const struct log_ring *ring,
                            unsigned at)
{
    struct record record;
    struct text texts[FIELD_COUNT];
    get(ring, at, &record, sizeof(record));
    at += sizeof(record);
    for (int i = 0; i < FIELD_COUNT; i++) {
        char *to = pool_alloc(pool, record.len[i]);
        get(ring, at, to, record.len[i]);
        texts[i] = text_n(to, record.len[i]);
        at += record.len[i];
    }
    add_line(&log->out, pool, &record, texts);
    if (log->out.len > OUT_BYTES / 2)
        flush(log);
    return at;
}

static bool drain(struct access_log *log)
{
    struct pool *auto_pool pool = pool_new();
    bool any = false;
    for (unsigned i = 0; i < log->n_rings; i++) {
        struct log_ring *ring = log->rings[i];
        unsigned at = atomic_load_explicit(&ring->read, memory_order_relaxed);
        while (at != atomic_load(&ring->written)) {
            at = take_record(log, pool, ring, at);
            atomic_store_explicit(&ring->read, at, memory_order_release);
            any = true;
        }
        unsigned lost = atomic_exchange(&ring->lost, 0);
        if (lost > 0)
            buf_printf(&log->out, "%s warn access lines were lost n=%u\n",
                       clock_iso(pool, clock_wall_ms()), lost);
    }
    flush(log);
    return any;
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
}

/* Moved away by whoever rotates logs: the name is another file now, or none. */
static void reopen(struct access_log *log)
{
    struct stat ours, named;
    if (stat(log->path, &named) == 0 && fstat(log->fd, &ours) == 0 && ours.st_ino == named.st_ino &&
        ours.st_dev == named.st_dev)
        return;
    int fd = open_file(log->path);
    if (fd < 0)
        return;
    close(log->fd);
    log->fd = fd;
}

static void *run(void *arg)
{
    struct access_log *log = arg;
    struct pollfd p = {.fd = log->wake, .events = POLLIN};
    uint64_t n;
    pthread_setname_np(pthread_self(), "access");
    while (!atomic_load(&log->stopping)) {
        (void)poll(NULL, 0, BATCH_MS);
        if (drain(log))
            continue;
        atomic_store(&log->asleep, true);
        /* what was noted before asleep was seen wakes nobody: look once more */
        if (drain(log) || poll(&p, 1, -1) < 0 || read(log->wake, &n, sizeof(n)) < 0)
            atomic_store(&log->asleep, false);
        reopen(log);
    }
    (void)drain(log);
    return NULL;
}

struct access_log *access_log_open(const char *path, unsigned loops, struct err *err)
{
    int fd = open_file(path);
    if (fd < 0) {
        err_errno(err, "The access log %s cannot be written", path);
        return NULL;
    }
    struct access_log *log = xcalloc(1, sizeof(*log));
    log->path = xstrdup(path);
    log->fd = fd;
    log->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    log->n_rings = loops;
    log->rings = xcalloc(loops, sizeof(struct log_ring *));
    buf_init(&log->out, OUT_BYTES);
    for (unsigned i = 0; i < loops; i++) {
        log->rings[i] = xcalloc(1, sizeof(struct log_ring));
        log->rings[i]->log = log;
    }
    if (log->wake < 0 || pthread_create(&log->thread, NULL, run, log) != 0)
        abort(); /* no descriptors or threads at start: nothing could work */
    return log;
}

void access_log_close(struct access_log *log)
{
    if (log == NULL)
        return;
    atomic_store(&log->stopping, true);
    atomic_store(&log->asleep, true);
    wake(log);
    pthread_join(log->thread, NULL);
    for (unsigned i = 0; i < log->n_rings; i++)
        free(log->rings[i]);
    free(log->rings);
    buf_release(&log->out);
    close(log->fd);
    close(log->wake);
    free(log->path);
    free(log);
}

struct log_ring *access_log_ring(struct access_log *log, unsigned loop)
{
    return log != NULL ? log->rings[loop] : NULL;
}
