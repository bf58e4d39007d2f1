#include "http/file.h"

#include "http/content.h"
#include "http/negotiate.h"
#include "http/request.h"
#include "http/server_part.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define WINDOW ((uint64_t)262144) /* one send; TLS encrypts all of one at once */
#define HAND ((uint64_t)2 << 20)  /* one sendfile */
#define DROP ((uint64_t)16384)    /* what is copied to wait for room in the socket */
#define TURN ((uint64_t)4 << 20)  /* then others have their turn */

struct file_body {
    h2o_generator_t generator; /* first: libh2o hands it back */
    h2o_req_t *req;
    struct http_loop *loop;
    struct content *content;
    uint64_t at, end; /* within the content */
    int out;          /* the socket that sendfile may write to; -1: none */
    struct http_message filled;
    bool filling;  /* a worker reads ahead */
    bool orphaned; /* freed by whoever ends the reading */
};

static void release(struct file_body *body)
{
    content_drop(body->content);
    free(body);
}

void file_body_free(struct file_body *body)
{
    if (body == NULL)
        return;
    if (body->filling)
        body->orphaned = true;
    else
        release(body);
}

struct file_body *file_body_new(struct http_loop *loop, struct content *content, uint64_t from,
                                uint64_t len)
{
    struct file_body *body = xcalloc(1, sizeof(*body));
    body->loop = loop;
    body->content = content_hold(content);
    body->at = from;
    body->end = from + len;
    body->out = -1;
    return body;
}

static uint64_t at_most(const struct file_body *body, uint64_t most)
{
    return body->end - body->at < most ? body->end - body->at : most;
}

/* Through libh2o, which waits for room and then asks for more. */
static void send_copy(struct file_body *body, uint64_t most)
{
    h2o_iovec_t bytes =
        h2o_iovec_init(content_bytes(body->content) + body->at, at_most(body, most));
    body->at += bytes.len;
    h2o_send(body->req, &bytes, 1,
             body->at == body->end ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

/* Everything before it has left libh2o, so that the socket is ours until we send through libh2o
 * again. 1: go on; 0: the socket is full; -1: it is lost. */
static int hand_over(struct file_body *body)
{
    off_t offset = (off_t)body->at;
    ssize_t n = sendfile(body->out, content_fd(body->content), &offset, at_most(body, HAND));
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    body->at += (uint64_t)n;
    return n > 0 ? 1 : -1;
}

static void send_next(struct file_body *body);

static void on_filled(struct http_loop *loop, void *arg)
{
    struct file_body *body = arg;
    body->filling = false;
    if (body->orphaned)
        release(body);
    else
        send_copy(body, body->out < 0 ? WINDOW : DROP);
}

static void on_worker(void *arg)
{
    struct file_body *body = arg;
    content_read_ahead(body->content, body->at);
    http_loop_send(body->loop, &body->filled);
}

/* True: a worker fetches what comes next, and then it goes on. */
static bool is_filling(struct file_body *body)
{
    if (!content_is_cold(body->content, body->at, at_most(body, body->out < 0 ? WINDOW : HAND)))
        return false;
    body->filled.fn = on_filled;
    body->filled.arg = body;
    body->filling = true;
    if (lane_post(body->loop->server->lanes[LANE_READ], on_worker, body))
        return true;
    body->filling = false;
    return false;
}

static void send_next(struct file_body *body)
{
    uint64_t turn = body->at + at_most(body, TURN);
    int rc = 1;
    if (is_filling(body))
        return;
    while (body->out >= 0 && rc > 0 && body->at < turn)
        if ((rc = hand_over(body)) > 0 && body->at < turn && is_filling(body))
            return;
    if (rc < 0)
        h2o_send(body->req, NULL, 0, H2O_SEND_STATE_ERROR);
    else if (body->at == body->end)
        h2o_send(body->req, NULL, 0, H2O_SEND_STATE_FINAL);
    else
        send_copy(body, body->out < 0 ? WINDOW : DROP);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    send_next((struct file_body *)generator);
}

static int plain_socket(const struct file_body *body)
{
    h2o_socket_t *sock = body->req->conn->callbacks->get_socket(body->req->conn);
    bool plain = sock != NULL && sock->ssl == NULL && content_fd(body->content) >= 0;
    return plain ? h2o_socket_get_fd(sock) : -1;
}

void file_body_send(struct file_body *body, h2o_req_t *req, bool head)
{
    body->req = req;
    body->generator.proceed = on_proceed;
    req->res.content_length = body->end - body->at;
    h2o_start_response(req, &body->generator);
    if (head || body->at == body->end) {
        h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
        return;
    }
    /* the head goes through libh2o, and what is small along with it */
    body->out = plain_socket(body);
    if (!is_filling(body))
        send_copy(body, body->out < 0 ? WINDOW : DROP);
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

void file_answer(struct call *c, const char *mime, struct content *content, struct text etag)
{
    struct request *r = c->http;
    uint64_t from, len;
    answer_set(c, "content-type", text_of(mime));
    if (!call_not_modified(c, etag) && choose_part(c, etag, content_len(content), &from, &len))
        r->answer.file = file_body_new(r->loop, content, from, len);
}

void call_file(struct call *c, const char *mime, int fd, uint64_t bytes, struct text etag)
{
    struct err err;
    struct content *content = content_open(fd, bytes, &err);
    if (content == NULL) {
        call_fail(c, &err);
        return;
    }
    file_answer(c, mime, content, etag);
    content_drop(content);
}
