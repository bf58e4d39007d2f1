#include "http/stream.h"

#include "http/door.h"
#include "http/request.h"
#include "http/server_part.h"
#include "http/stream_part.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define QUEUE_MAX ((size_t)256 << 10)

/* By what right it is open, to be looked up again when rights end. Texts on the heap. */
struct right {
    char *user; /* NULL: nobody's */
    char *credential;
    char *host;
    enum identity_kind kind;
    bool admin;
    uint32_t narrowed;
    struct account_member *members;
    size_t n_members;
};

struct stream {
    atomic_uint refs;
    pthread_mutex_t lock;
    struct buf queue; /* what waits */
    bool closed;      /* nobody reads any more */
    bool ended;       /* the writer is done */
    bool overflown;
    bool started; /* the loop has it: writers wake it */
    bool waking;  /* a message is on its way */
    void (*on_close)(void *arg);
    void *on_close_arg;
    struct http_loop *loop;
    struct http_message wake;
    bool sse;
    /* below: the loop's alone */
    struct generator {
        h2o_generator_t super; /* first: libh2o hands it back */
        struct stream *stream;
    } generator;
    h2o_req_t *req;
    struct conn *conn;
    struct buf sending;
    bool inflight;
    h2o_timeout_entry_t beat;
    h2o_linklist_t link;
    struct right right;
};

static void right_release(struct right *right)
{
    free(right->user);
    free(right->credential);
    free(right->host);
    for (size_t i = 0; i < right->n_members; i++)
        free((char *)(uintptr_t)right->members[i].tenant);
    free(right->members);
    *right = (struct right){0};
}

static void right_note(struct right *right, const struct request *r)
{
    const struct identity *who = &r->identity;
    if (who->user == NULL || r->credential.base == NULL)
        return;
    right->user = xstrdup(who->user);
    right->credential = xstrndup(r->credential.base, r->credential.len);
    right->host = xstrdup(r->cookie_host != NULL ? r->cookie_host : "");
    right->kind = who->kind;
    right->admin = who->admin;
    right->narrowed = who->narrowed;
    right->n_members = who->n_members;
    right->members = xcalloc(who->n_members + 1, sizeof(*right->members));
    for (size_t i = 0; i < who->n_members; i++) {
        right->members[i].tenant = xstrdup(who->members[i].tenant);
        right->members[i].role = who->members[i].role;
    }
}

/* A higher role does no harm; less, or another tenant, ends the stream, and the client asks again.
 */
static bool right_holds(const struct right *right, struct snapshot *accounts)
{
    struct identity now = {0};
    struct text credential = text_of(right->credential);
    bool found = right->kind == IDENTITY_SESSION
                     ? account_session_find(accounts, credential, right->host, &now)
                     : account_token_find(accounts, credential, &now);
    if (!found || now.must_change || now.n_members != right->n_members ||
        (right->admin && !now.admin) || (right->narrowed & ~now.narrowed) != 0)
        return false;
    for (size_t i = 0; i < right->n_members; i++) {
        bool same = false;
        for (size_t k = 0; k < now.n_members && !same; k++)
            same = strcmp(now.members[k].tenant, right->members[i].tenant) == 0 &&
                   now.members[k].role >= right->members[i].role;
        if (!same)
            return false;
    }
    return true;
}

void stream_hold(struct stream *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

void stream_drop(struct stream *s)
{
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    buf_release(&s->queue);
    buf_release(&s->sending);
    right_release(&s->right);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct stream *call_stream(struct call *c, const char *mime)
{
    if (!answer_begin(c, 200))
        return NULL;
    struct stream *s = xcalloc(1, sizeof(*s));
    atomic_store(&s->refs, 1);
    pthread_mutex_init(&s->lock, NULL);
    buf_init(&s->queue, QUEUE_MAX);
    buf_init(&s->sending, QUEUE_MAX);
    s->loop = ((struct request *)c->http)->loop;
    s->sse = strcmp(mime, "text/event-stream") == 0;
    answer_set(c, "content-type", text_of(mime));
    answer_set(c, "cache-control", TEXT("no-store"));
    call_answer(c)->stream = s;
    return s;
}

/* Ends it on the loop's side; once. */
static void close_stream(struct stream *s)
{
    if (h2o_timeout_is_linked(&s->beat))
        h2o_timeout_unlink(&s->beat);
    if (!h2o_linklist_is_linked(&s->link))
        return;
    h2o_linklist_unlink(&s->link);
    s->req = NULL;
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    void (*fn)(void *arg) = s->on_close;
    void *arg = s->on_close_arg;
    s->on_close = NULL;
    pthread_mutex_unlock(&s->lock);
    if (fn != NULL)
        fn(arg);
    stream_drop(s);
}

void stream_release(struct stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool told = s->started || s->closed;
    void (*fn)(void *arg) = told ? NULL : s->on_close;
    void *arg = s->on_close_arg;
    if (!told)
        s->closed = true;
    pthread_mutex_unlock(&s->lock);
    if (fn != NULL)
        fn(arg);
    stream_drop(s);
}

static void pump(struct stream *s)
{
    if (s->req == NULL || s->inflight)
        return;
    h2o_req_t *req = s->req;
    h2o_send_state_t state = H2O_SEND_STATE_IN_PROGRESS;
    pthread_mutex_lock(&s->lock);
    struct buf swap = s->sending;
    s->sending = s->queue;
    s->queue = swap;
    if (s->overflown)
        state = H2O_SEND_STATE_ERROR;
    else if (s->ended)
        state = H2O_SEND_STATE_FINAL;
    pthread_mutex_unlock(&s->lock);
    if (s->sending.len == 0 && state == H2O_SEND_STATE_IN_PROGRESS)
        return;
    h2o_iovec_t bytes = h2o_iovec_init(s->sending.base, s->sending.len);
    s->inflight = true;
    /* the request, and with it the answer's reference, stays until these bytes are written */
    if (state != H2O_SEND_STATE_IN_PROGRESS)
        close_stream(s);
    h2o_send(req, &bytes, bytes.len > 0 ? 1 : 0, state);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct stream *s = ((struct generator *)generator)->stream;
    s->inflight = false;
    buf_clear(&s->sending);
    pump(s);
}

static void on_stop(h2o_generator_t *generator, h2o_req_t *req)
{
    close_stream(((struct generator *)generator)->stream);
}

static void on_wake(struct http_loop *loop, void *arg)
{
    struct stream *s = arg;
    pthread_mutex_lock(&s->lock);
    s->waking = false;
    pthread_mutex_unlock(&s->lock);
    pump(s);
    stream_drop(s);
}

/* With the lock held. */
static void wake(struct stream *s)
{
    if (!s->started || s->waking || s->closed)
        return;
    s->waking = true;
    stream_hold(s);
    s->wake.fn = on_wake;
    s->wake.arg = s;
    http_loop_send(s->loop, &s->wake);
}

static void on_beat(h2o_timeout_entry_t *entry)
{
    struct stream *s = H2O_STRUCT_FROM_MEMBER(struct stream, beat, entry);
    h2o_timeout_link(s->loop->ctx.loop, &s->loop->heartbeat, &s->beat);
    if (s->inflight)
        return;
    pthread_mutex_lock(&s->lock);
    if (s->queue.len == 0)
        buf_str(&s->queue, ":\n\n");
    pthread_mutex_unlock(&s->lock);
    pump(s);
}

void stream_send(struct stream *s, struct request *r, bool head)
{
    h2o_req_t *req = r->req;
    s->generator.super.proceed = on_proceed;
    s->generator.super.stop = on_stop;
    s->generator.stream = s;
    s->req = req;
    s->conn = r->conn;
    s->beat.cb = on_beat;
    right_note(&s->right, r);
    stream_hold(s);
    h2o_linklist_insert(&s->loop->streams, &s->link);
    h2o_start_response(req, &s->generator.super);
    if (head) {
        close_stream(s);
        h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->started = true;
    if (s->sse && s->queue.len == 0)
        buf_str(&s->queue, ":\n\n"); /* so that the header goes out now */
    if (s->loop->draining)
        s->ended = true;
    pthread_mutex_unlock(&s->lock);
    if (s->sse)
        h2o_timeout_link(s->loop->ctx.loop, &s->loop->heartbeat, &s->beat);
    pump(s);
}

bool stream_write(struct stream *s, struct text bytes)
{
    pthread_mutex_lock(&s->lock);
    bool open = !s->closed && !s->ended && !s->overflown;
    if (open) {
        buf_text(&s->queue, bytes);
        s->overflown = buf_failed(&s->queue);
        open = !s->overflown;
        wake(s);
    }
    pthread_mutex_unlock(&s->lock);
    return open;
}

bool stream_event(struct stream *s, uint64_t id, const char *event, struct text data)
{
    struct buf auto_buf out;
    buf_init(&out, QUEUE_MAX);
    if (id != 0)
        buf_printf(&out, "id: %" PRIu64 "\n", id);
    if (event != NULL)
        buf_printf(&out, "event: %s\n", event);
    buf_str(&out, "data: ");
    buf_text(&out, data);
    buf_str(&out, "\n\n");
    return !buf_failed(&out) && stream_write(s, buf_view(&out));
}

bool stream_is_open(struct stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool open = !s->closed && !s->ended && !s->overflown;
    pthread_mutex_unlock(&s->lock);
    return open;
}

void stream_on_close(struct stream *s, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&s->lock);
    s->on_close = fn;
    s->on_close_arg = arg;
    pthread_mutex_unlock(&s->lock);
}

void stream_end(struct stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    wake(s);
    pthread_mutex_unlock(&s->lock);
}

static void end_now(struct stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_mutex_unlock(&s->lock);
    pump(s);
}

void streams_end(struct http_loop *loop)
{
    h2o_linklist_t *next;
    for (h2o_linklist_t *l = loop->streams.next; l != &loop->streams; l = next) {
        next = l->next;
        end_now(H2O_STRUCT_FROM_MEMBER(struct stream, link, l));
    }
}

static bool has_hung_up(const struct stream *s)
{
    struct pollfd p = {.fd = h2o_socket_get_fd(s->conn->sock), .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void streams_sweep(struct http_loop *loop)
{
    h2o_linklist_t *next;
    for (h2o_linklist_t *l = loop->streams.next; l != &loop->streams; l = next) {
        struct stream *s = H2O_STRUCT_FROM_MEMBER(struct stream, link, l);
        next = l->next;
        if (!has_hung_up(s))
            continue;
        conn_cut(s->conn);
        end_now(s);
    }
}

void streams_judge(struct http_loop *loop, const char *user)
{
    struct snapshot *accounts = account_snapshot(loop->server->config.account);
    h2o_linklist_t *next;
    for (h2o_linklist_t *l = loop->streams.next; l != &loop->streams; l = next) {
        struct stream *s = H2O_STRUCT_FROM_MEMBER(struct stream, link, l);
        next = l->next;
        if (s->right.user == NULL || (user != NULL && strcmp(user, s->right.user) != 0))
            continue;
        if (!right_holds(&s->right, accounts))
            end_now(s);
    }
    snapshot_drop(accounts);
}
