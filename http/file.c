#include "http/file.h"

#include "http/negotiate.h"
#include "http/request.h"
#include "http/server_part.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL 65536             /* copied into the pool instead */
#define WINDOW ((size_t)262144) /* one send; TLS encrypts all of one at once */
#define AHEAD ((size_t)4 << 20)

struct file_body {
    h2o_generator_t generator; /* first: libh2o hands it back */
    h2o_req_t *req;
    struct http_loop *loop;
    char *map; /* page-aligned; NULL: no bytes */
    size_t map_len;
    size_t at, end; /* within the map */
    size_t len;
    struct http_message filled;
    bool filling;  /* a worker reads ahead */
    bool orphaned; /* freed by whoever ends the reading */
};

static void unmap(struct file_body *body)
{
    if (body->map != NULL)
        munmap(body->map, body->map_len);
    free(body);
}

void file_body_free(struct file_body *body)
{
    if (body == NULL)
        return;
    if (body->filling)
        body->orphaned = true;
    else
        unmap(body);
}

static void read_ahead(const struct file_body *body)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t from = body->at / page * page;
    size_t len = body->end - from < AHEAD ? body->end - from : AHEAD;
    /* kernels before 5.14 do not know it; then the advice has to do */
    if (madvise(body->map + from, len, MADV_POPULATE_READ) != 0)
        (void)madvise(body->map + from, len, MADV_WILLNEED);
}

struct file_body *file_body_new(struct http_loop *loop, int fd, uint64_t from, uint64_t len,
                                struct err *err)
{
    struct file_body *body = xcalloc(1, sizeof(*body));
    body->loop = loop;
    body->len = (size_t)len;
    if (fd < 0 || len == 0) {
        if (fd >= 0)
            close(fd);
        return body;
    }
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t start = from / page * page;
    body->map_len = (size_t)(from - start + len);
    void *map = mmap(NULL, body->map_len, PROT_READ, MAP_SHARED, fd, (off_t)start);
    if (map == MAP_FAILED) {
        err_errno(err, "The file could not be mapped");
        close(fd);
        free(body);
        return NULL;
    }
    close(fd);
    body->map = map;
    body->at = (size_t)(from - start);
    body->end = body->map_len;
    read_ahead(body);
    return body;
}

static size_t window_of(const struct file_body *body)
{
    return body->end - body->at < WINDOW ? body->end - body->at : WINDOW;
}

static bool is_warm(const struct file_body *body)
{
    unsigned char pages[WINDOW / 4096 + 2];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t from = body->at / page * page, len = body->at + window_of(body) - from;
    if (mincore(body->map + from, len, pages) != 0)
        return true;
    for (size_t i = 0; i < (len + page - 1) / page; i++) {
        if ((pages[i] & 1) == 0)
            return false;
    }
    return true;
}

static void send_window(struct file_body *body)
{
    h2o_iovec_t bytes = h2o_iovec_init(body->map + body->at, window_of(body));
    body->at += bytes.len;
    h2o_send(body->req, &bytes, 1,
             body->at == body->end ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void on_filled(struct http_loop *loop, void *arg)
{
    struct file_body *body = arg;
    body->filling = false;
    if (body->orphaned)
        unmap(body);
    else
        send_window(body);
}

static void on_worker(void *arg)
{
    struct file_body *body = arg;
    read_ahead(body);
    http_loop_send(body->loop, &body->filled);
}

static void send_next(struct file_body *body)
{
    if (!is_warm(body)) {
        body->filled.fn = on_filled;
        body->filled.arg = body;
        body->filling = true;
        if (lane_post(body->loop->server->lanes[LANE_ARCHIVE], on_worker, body))
            return;
        body->filling = false;
    }
    send_window(body);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    send_next((struct file_body *)generator);
}

void file_body_send(struct file_body *body, h2o_req_t *req, bool head)
{
    body->req = req;
    body->generator.proceed = on_proceed;
    req->res.content_length = body->len;
    h2o_start_response(req, &body->generator);
    if (head || body->map == NULL)
        h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
    else
        send_next(body);
}

/* The part of it that is wanted. False, and answered, when there is none to send. */
static bool choose_part(struct call *c, struct text etag, uint64_t bytes, uint64_t *from,
                        uint64_t *len)
{
    struct text condition = call_header(c, "if-range"), range = call_header(c, "range");
    *from = 0;
    *len = bytes;
    if (condition.base != NULL && !text_eq(condition, etag))
        range = TEXT_NONE;
    answer_set(c, "accept-ranges", TEXT("bytes"));
    switch (negotiate_range(range, bytes, from, len)) {
    case RANGE_ALL:
        return answer_begin(c, 200);
    case RANGE_PART:
        answer_set(c, "content-range",
                   text_printf(c->pool, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, *from,
                               *from + *len - 1, bytes));
        return answer_begin(c, 206);
    case RANGE_NEVER:
        break;
    }
    struct err err;
    answer_set(c, "content-range", text_printf(c->pool, "bytes */%" PRIu64, bytes));
    err_set(&err, ERR_INVALID, "bad_range", "The range lies past the end of the file.");
    answer_fail(c, 416, &err);
    return false;
}

static int read_small(struct call *c, int fd, uint64_t from, size_t len, struct err *err)
{
    char *to = pool_alloc(c->pool, len + 1);
    size_t n = 0;
    while (n < len) {
        ssize_t got = pread(fd, to + n, len - n, (off_t)(from + n));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, "The file could not be read");
        if (got == 0)
            return err_set(err, ERR_INTERNAL, "internal", "The file is shorter than it was.");
        n += (size_t)got;
    }
    call_answer(c)->body = text_n(to, len);
    return 0;
}

/* A shrunken file would end the process when it is read. */
static int check_size(int fd, uint64_t bytes, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_errno(err, "The file could not be looked at");
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < bytes)
        return err_set(err, ERR_INTERNAL, "internal", "The file is shorter than it should be.");
    return 0;
}

void call_file(struct call *c, const char *mime, int fd, uint64_t bytes, struct text etag)
{
    struct request *r = c->http;
    struct err err;
    uint64_t from, len;
    if (check_size(fd, bytes, &err) != 0) {
        close(fd);
        call_fail(c, &err);
        return;
    }
    answer_set(c, "content-type", text_of(mime));
    if (call_not_modified(c, etag) || !choose_part(c, etag, bytes, &from, &len)) {
        close(fd);
        return;
    }
    if (text_is(c->method, "HEAD")) {
        close(fd);
        r->answer.file = file_body_new(r->loop, -1, from, len, &err);
        return;
    }
    if (len <= SMALL) {
        int rc = read_small(c, fd, from, (size_t)len, &err);
        close(fd);
        if (rc == 0)
            return;
    } else if ((r->answer.file = file_body_new(r->loop, fd, from, len, &err)) != NULL) {
        return;
    }
    c->answered = false;
    call_fail(c, &err);
}
