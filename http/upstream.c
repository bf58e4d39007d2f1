#include "http/upstream.h"

#include "http/upstream_part.h"

#include "core/pool.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MS 120000
#define SLOW_HEAD_MS 330000 /* installing a module takes minutes */
#define STALL_MS 300000
#define IDLE_MS 4000 /* Node.js closes after 5 s */
#define MAX_IDLE 64
#define MAX_CALLS 512 /* of one instance on one loop */
#define MAX_INFORMATIONAL 16

struct upstream *upstream_new(h2o_loop_t *loop)
{
    struct upstream *u = xcalloc(1, sizeof(*u));

    u->loop = loop;
    h2o_timeout_init(loop, &u->head_timeout, HEAD_MS);
    h2o_timeout_init(loop, &u->slow_timeout, SLOW_HEAD_MS);
    h2o_timeout_init(loop, &u->stall_timeout, STALL_MS);
    h2o_timeout_init(loop, &u->idle_timeout, IDLE_MS);
    return u;
}

struct chunk_pool *upstream_chunks(struct upstream *u)
{
    return &u->chunks;
}

static struct upstream_target **target_slot(struct upstream *u, const char *instance)
{
    struct upstream_target **slot = &u->targets[text_hash(text_of(instance)) % UPSTREAM_BUCKETS];

    while (*slot != NULL && strcmp((*slot)->instance, instance) != 0)
        slot = &(*slot)->next;
    return slot;
}

static struct upstream_target *target_get(struct upstream *u, const char *instance)
{
    struct upstream_target **slot = target_slot(u, instance);

    if (*slot == NULL) {
        *slot = xcalloc(1, sizeof(**slot));
        (*slot)->instance = xstrdup(instance);
        h2o_linklist_init_anchor(&(*slot)->idle);
    }
    return *slot;
}

static void target_drop_unused(struct upstream *u, struct upstream_target *target)
{
    struct upstream_target **slot;

    if (target->n_idle > 0 || target->n_calls > 0)
        return;
    slot = target_slot(u, target->instance);
    *slot = target->next;
    free(target->instance);
    free(target->socket);
    free(target);
}

/* The connection leaves the list of kept ones. */
static void conn_unlist(struct upstream_conn *conn)
{
    if (!h2o_linklist_is_linked(&conn->link))
        return;
    h2o_linklist_unlink(&conn->link);
    h2o_timeout_unlink(&conn->timer);
    conn->target->n_idle--;
}

static void conn_close(struct upstream_conn *conn)
{
    conn_unlist(conn);
    h2o_socket_close(conn->sock);
    free(conn);
}

static void idle_close(struct upstream_conn *conn)
{
    struct upstream_target *target = conn->target;
    struct upstream *u = conn->upstream;

    conn_close(conn);
    target_drop_unused(u, target);
}

static void on_idle_timeout(h2o_timeout_entry_t *entry)
{
    idle_close(H2O_STRUCT_FROM_MEMBER(struct upstream_conn, timer, entry));
}

static void conn_keep(struct upstream_conn *conn)
{
    struct upstream_target *target = conn->target;

    conn->call = NULL;
    if (target->n_idle == MAX_IDLE)
        conn_close(H2O_STRUCT_FROM_MEMBER(struct upstream_conn, link, target->idle.next));
    h2o_linklist_insert(&target->idle, &conn->link);
    target->n_idle++;
    h2o_timeout_link(conn->upstream->loop, &conn->upstream->idle_timeout, &conn->timer);
}

/* The last component of the path may be in a sandbox's hands: never through a symbolic link, and
 * nothing but a socket. The descriptor's name also has no length limit to meet. */
static int connect_unix(const char *path)
{
    auto_close int at = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;
    int fd;

    if (at < 0 || fstat(at, &st) != 0 || !S_ISSOCK(st.st_mode))
        return -1;
    snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", at);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void on_read(h2o_socket_t *sock, const char *err);

static struct upstream_conn *conn_open(struct upstream *u, struct upstream_target *target)
{
    int fd = target->socket != NULL ? connect_unix(target->socket) : -1;
    struct upstream_conn *conn;

    if (fd < 0)
        return NULL;
    conn = xcalloc(1, sizeof(*conn));
    conn->upstream = u;
    conn->target = target;
    conn->timer.cb = on_idle_timeout;
    conn->sock = h2o_evloop_socket_create(u->loop, fd, 0);
    conn->sock->data = conn;
    h2o_socket_dont_read(conn->sock, 1);
    h2o_socket_read_start(conn->sock, on_read);
    return conn;
}

/* Whether the other end has closed, or talks out of turn. */
static bool is_dead(const struct upstream_conn *conn)
{
    char c;

    return recv(h2o_socket_get_fd(conn->sock), &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
           errno != EAGAIN;
}

static struct upstream_conn *conn_reuse(struct upstream_target *target, bool certain)
{
    while (target->n_idle > 0) {
        struct upstream_conn *conn =
            H2O_STRUCT_FROM_MEMBER(struct upstream_conn, link, target->idle.prev);
        if (certain && is_dead(conn)) {
            conn_close(conn);
            continue;
        }
        conn_unlist(conn);
        conn->reused = true;
        return conn;
    }
    return NULL;
}

static void on_write(h2o_socket_t *sock, const char *err)
{
    struct upstream_conn *conn = sock->data;

    /* an early answer may still be there to read; reading finds the end */
    if (err != NULL)
        conn->tainted = true;
}

static void on_call_timeout(h2o_timeout_entry_t *entry);

static enum upstream_fault call_send(struct upstream_call *call, bool fresh)
{
    struct upstream *u = call->upstream;
    struct upstream_conn *conn = NULL;

    call->eof = call->paused = false;
    call->seen = call->informational = 0;
    if (!fresh && !call->upgrade)
        conn = conn_reuse(call->target, !call->idempotent);
    if (conn == NULL)
        conn = conn_open(u, call->target);
    if (conn == NULL)
        return UPSTREAM_REFUSED;
    conn->call = call;
    call->conn = conn;
    call->timer.cb = on_call_timeout;
    h2o_timeout_link(u->loop, call->slow ? &u->slow_timeout : &u->head_timeout, &call->timer);
    h2o_socket_write(conn->sock, call->out, call->n_out, on_write);
    return UPSTREAM_OK;
}

enum upstream_fault upstream_start(struct upstream *u, struct upstream_call *call,
                                   const char *instance, const char *socket)
{
    struct upstream_target *target = target_get(u, instance);
    enum upstream_fault fault = UPSTREAM_BUSY;

    if (target->socket == NULL || socket == NULL || strcmp(target->socket, socket) != 0) {
        while (target->n_idle > 0)
            conn_close(H2O_STRUCT_FROM_MEMBER(struct upstream_conn, link, target->idle.next));
        free(target->socket);
        target->socket = socket != NULL ? xstrdup(socket) : NULL;
    }
    call->upstream = u;
    call->target = target;
    if (target->n_calls < MAX_CALLS)
        fault = call_send(call, false);
    if (fault == UPSTREAM_OK) {
        target->n_calls++;
        return UPSTREAM_OK;
    }
    call->target = NULL;
    target_drop_unused(u, target);
    return fault;
}

void upstream_call_leave(struct upstream_call *call, bool keep)
{
    struct upstream_conn *conn = call->conn;
    struct upstream_target *target = call->target;

    h2o_timeout_unlink(&call->timer);
    call->conn = NULL;
    call->target = NULL;
    if (target == NULL)
        return;
    target->n_calls--;
    if (conn != NULL && keep)
        conn_keep(conn);
    else if (conn != NULL)
        conn_close(conn);
    target_drop_unused(call->upstream, target);
}

void upstream_close(struct upstream_call *call)
{
    if (call->upstream == NULL)
        return;
    upstream_call_leave(call, false);
    while (call->first != NULL) {
        struct chunk *chunk = call->first;
        call->first = chunk->next;
        chunk_free(&call->upstream->chunks, chunk);
    }
    call->cursor = call->last = NULL;
    call->n_chunks = 0;
}

/* No head will come: tries once more where that is safe, else tells. */
static void call_fail(struct upstream_call *call, enum upstream_fault fault)
{
    bool again = fault == UPSTREAM_CLOSED && call->conn->reused && call->idempotent &&
                 !call->retried && call->informational == 0;

    h2o_timeout_unlink(&call->timer);
    conn_close(call->conn);
    call->conn = NULL;
    if (again) {
        call->retried = true;
        fault = call_send(call, true);
        if (fault == UPSTREAM_OK)
            return;
    }
    upstream_close(call);
    call->events->on_fail(call, fault);
}

static void on_call_timeout(h2o_timeout_entry_t *entry)
{
    struct upstream_call *call = H2O_STRUCT_FROM_MEMBER(struct upstream_call, timer, entry);

    if (!call->head_done) {
        call_fail(call, UPSTREAM_TIMEOUT);
        return;
    }
    call->broken = true;
    upstream_call_leave(call, false);
    call->events->on_body(call);
}

/* The head is over: what its first bytes of body mean is known now. */
static void head_done(struct upstream_call *call, const struct h1_head *head)
{
    struct upstream *u = call->upstream;

    call->head_done = true;
    call->framing = h1_head_framing(head, call->head_only);
    call->left = head->length;
    if (head->closes || call->framing == H1_UNTIL_CLOSE || call->upgrade)
        call->conn->tainted = true;
    h2o_timeout_unlink(&call->timer);
    h2o_timeout_link(u->loop, &u->stall_timeout, &call->timer);
    call->events->on_head(call, head);
    call->events->on_body(call);
}

/* True: it was informational, the next head follows. */
static bool head_found(struct upstream_call *call, struct text bytes)
{
    struct h1_head head;
    char *copy = h2o_mem_alloc_pool(call->pool, bytes.len);

    memcpy(copy, bytes.base, bytes.len);
    if (!h1_head_parse(text_n(copy, bytes.len), &head)) {
        call_fail(call, UPSTREAM_BAD);
        return false;
    }
    if (head.status >= 200) {
        head_done(call, &head);
        return false;
    }
    if (head.status != 101 && ++call->informational <= MAX_INFORMATIONAL)
        return true;
    if (head.status == 101 && call->upgrade && head.upgrades &&
        !h2o_socket_is_writing(call->conn->sock))
        call->events->on_upgrade(call, &head);
    else
        call_fail(call, UPSTREAM_BAD);
    return false;
}

/* The next head within the chunk; true: another one follows. */
static bool next_head(struct upstream_call *call)
{
    struct chunk *chunk = call->first;
    struct text bytes = text_n(chunk->bytes + chunk->start, chunk->end - chunk->start);
    enum h1_result result = h1_head_end(bytes, &call->seen);

    if (result == H1_DONE) {
        bytes.len = call->seen;
        chunk->start += call->seen;
        call->seen = 0;
        return head_found(call, bytes);
    }
    if (result == H1_BAD || call->eof) {
        call_fail(call, bytes.len == 0 ? UPSTREAM_CLOSED : UPSTREAM_BAD);
        return false;
    }
    if (chunk->start > 0)
        memmove(chunk->bytes, bytes.base, bytes.len);
    chunk->start = 0;
    chunk->end = bytes.len;
    return false;
}

/* Reads once into the last chunk; false: nothing new. */
static bool fill(struct upstream_conn *conn, struct upstream_call *call)
{
    struct chunk *chunk = call->last;
    ssize_t n;

    if (chunk == NULL || chunk->end == CHUNK_BYTES) {
        chunk = chunk_new(&call->upstream->chunks);
        if (call->last == NULL)
            call->first = call->cursor = chunk;
        else
            call->last->next = chunk;
        call->last = chunk;
        call->n_chunks++;
    }
    n = read(h2o_socket_get_fd(conn->sock), chunk->bytes + chunk->end, CHUNK_BYTES - chunk->end);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0)
        call->eof = true;
    else
        chunk->end += (size_t)n;
    return true;
}

static void on_read(h2o_socket_t *sock, const char *err)
{
    struct upstream_conn *conn = sock->data;
    struct upstream_call *call = conn->call;

    if (call == NULL) {
        idle_close(conn);
        return;
    }
    if (!fill(conn, call))
        return;
    if (!call->head_done) {
        while (next_head(call))
            ;
        return;
    }
    h2o_timeout_unlink(&call->timer);
    h2o_timeout_link(call->upstream->loop, &call->upstream->stall_timeout, &call->timer);
    if (call->eof || (call->n_chunks >= UPSTREAM_MAX_CHUNKS && call->last->end == CHUNK_BYTES)) {
        call->paused = true;
        h2o_socket_read_stop(sock);
    }
    call->events->on_body(call);
}

void upstream_resume(struct upstream_call *call)
{
    if (!call->paused || call->eof || call->conn == NULL)
        return;
    call->paused = false;
    h2o_socket_read_start(call->conn->sock, on_read);
}

h2o_socket_t *upstream_detach(struct upstream_call *call, struct chunk **early)
{
    struct upstream_conn *conn = call->conn;
    h2o_socket_t *sock = conn->sock;

    h2o_socket_read_stop(sock);
    *early = NULL;
    if (call->first->start < call->first->end) {
        *early = call->first;
        call->first = call->cursor = call->last = NULL;
    }
    free(conn);
    call->conn = NULL;
    upstream_close(call);
    return sock;
}

void upstream_close_idle(struct upstream *u, const char *instance)
{
    for (size_t i = 0; i < UPSTREAM_BUCKETS; i++) {
        struct upstream_target *next;
        for (struct upstream_target *target = u->targets[i]; target != NULL; target = next) {
            next = target->next;
            if (instance != NULL && strcmp(target->instance, instance) != 0)
                continue;
            while (target->n_idle > 0)
                conn_close(H2O_STRUCT_FROM_MEMBER(struct upstream_conn, link, target->idle.next));
            target_drop_unused(u, target);
        }
    }
}

size_t upstream_idle(const struct upstream *u)
{
    size_t n = 0;

    for (size_t i = 0; i < UPSTREAM_BUCKETS; i++) {
        for (const struct upstream_target *t = u->targets[i]; t != NULL; t = t->next)
            n += t->n_idle;
    }
    return n;
}
