#include "http/idempotency.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/log.h"
#include "http/answer.h"
#include "http/route.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 255
#define KEPT_MS (24ll * 3600 * 1000)
#define KEPT_OF_USER 1000
#define BODY_MAX 65536

struct running {
    const char *user;
    unsigned char key[SHA256_BYTES];
    struct running *next;
};

struct idempotency {
    struct db *db;
    pthread_mutex_t lock;
    struct running *running; /* in the frames of their workers */
};

/* One request with a key. */
struct asked {
    const char *user;
    unsigned char key[SHA256_BYTES], mark[SHA256_BYTES];
};

struct idempotency *idempotency_new(struct db *control)
{
    struct idempotency *idempotency = xcalloc(1, sizeof(*idempotency));

    idempotency->db = control;
    pthread_mutex_init(&idempotency->lock, NULL);
    return idempotency;
}

void idempotency_free(struct idempotency *idempotency)
{
    if (idempotency == NULL)
        return;
    pthread_mutex_destroy(&idempotency->lock);
    free(idempotency);
}

static bool begin(struct idempotency *idempotency, struct running *running)
{
    bool free_to_run = true;

    pthread_mutex_lock(&idempotency->lock);
    for (const struct running *r = idempotency->running; r != NULL && free_to_run; r = r->next)
        free_to_run = strcmp(r->user, running->user) != 0 ||
                      memcmp(r->key, running->key, sizeof(r->key)) != 0;
    if (free_to_run) {
        running->next = idempotency->running;
        idempotency->running = running;
    }
    pthread_mutex_unlock(&idempotency->lock);
    return free_to_run;
}

static void end(struct idempotency *idempotency, struct running *running)
{
    pthread_mutex_lock(&idempotency->lock);
    struct running **at = &idempotency->running;
    while (*at != running)
        at = &(*at)->next;
    *at = running->next;
    pthread_mutex_unlock(&idempotency->lock);
}

static void make_mark(struct call *c, struct text key, struct asked *asked)
{
    unsigned char both[2 * SHA256_BYTES];

    asked->user = c->who->user != NULL ? c->who->user : "admin";
    sha256(key, asked->key);
    hmac_sha256(key, c->raw_path, both);
    hmac_sha256(key, c->body, both + SHA256_BYTES);
    hmac_sha256(key, text_n(both, sizeof(both)), asked->mark);
}

/* 1: answered from the row; 0: there is none; -1: err. */
static int replay(struct idempotency *idempotency, struct call *c, const struct asked *asked,
                  struct err *err)
{
    static const char sql[] = "SELECT mark, status, mime, location, body FROM idempotency"
                              " WHERE user = ? AND key = ? AND at > ?";
    struct text mark, mime, location, body;
    int64_t status;
    auto_read struct db_read r = db_read(idempotency->db, err);

    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, c->pool, err, sql, "zbi", "bisss", asked->user,
               text_n(asked->key, sizeof(asked->key)), clock_wall_ms() - KEPT_MS, &mark, &status,
               &mime, &location, &body) != 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    if (!text_eq(mark, text_n(asked->mark, sizeof(asked->mark))))
        return err_set(err, ERR_UNPROCESSABLE, "idempotency_key_reused",
                       "This Idempotency-Key was sent with another request; use a new one.");
    if (location.base != NULL)
        call_set(c, "location", location);
    call_set(c, "cache-control", TEXT("no-store"));
    call_set(c, "idempotent-replayed", TEXT("true"));
    if (body.len == 0)
        call_empty(c, (int)status);
    else
        call_bytes(c, (int)status, text_c(c->pool, mime), body);
    return 1;
}

static struct text header_of(const struct answer *answer, const char *name)
{
    for (const struct answer_header *h = answer->headers; h != NULL; h = h->next)
        if (strcmp(h->name, name) == 0)
            return h->value;
    return TEXT_NONE;
}

static int keep(struct idempotency *idempotency, struct call *c, const struct asked *asked,
                struct err *err)
{
    static const char old[] = "DELETE FROM idempotency WHERE at <= ?";
    static const char many[] =
        "DELETE FROM idempotency WHERE user = ?1 AND key IN (SELECT key FROM idempotency"
        " WHERE user = ?1 ORDER BY at DESC LIMIT -1 OFFSET ?2)";
    static const char put[] = "INSERT INTO idempotency (user, key, mark, status, mime, location,"
                              " body, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    const struct answer *answer = call_answer(c);
    struct text mime = header_of(answer, "content-type");
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, idempotency->db, err) != 0 ||
        db_do(tx.conn, err, old, "i", clock_wall_ms() - KEPT_MS) < 0 ||
        db_do(tx.conn, err, many, "zi", asked->user, (int64_t)KEPT_OF_USER - 1) < 0 ||
        db_do(tx.conn, err, put, "zbbisssi", asked->user, text_n(asked->key, sizeof(asked->key)),
              text_n(asked->mark, sizeof(asked->mark)), (int64_t)answer->status,
              mime.base != NULL ? mime : TEXT(""), header_of(answer, "location"),
              answer->body.base != NULL ? answer->body : TEXT(""), clock_wall_ms()) < 0)
        return -1;
    return db_commit(&tx, err);
}

static bool can_be_kept(struct call *c)
{
    const struct answer *answer = call_answer(c);

    return c->answered && answer->status >= 200 && answer->status < 300 && answer->file == NULL &&
           answer->stream == NULL && answer->ready == NULL && answer->body.len <= BODY_MAX &&
           text_is_utf8(answer->body);
}

static void run_once(struct idempotency *idempotency, struct call *c, const struct asked *asked)
{
    struct err err;
    int found = replay(idempotency, c, asked, &err);

    if (found < 0)
        call_fail(c, &err);
    if (found != 0)
        return;
    c->route->handle(c);
    if (can_be_kept(c) && keep(idempotency, c, asked, &err) != 0)
        log_error("http", "an answer could not be kept for its key", "id=%s text=\"%s\"", c->id,
                  err.text);
}

void idempotency_run(struct idempotency *idempotency, struct call *c)
{
    struct text key = call_header(c, "idempotency-key");
    struct asked asked;
    struct running running = {0};
    struct err err;

    if (idempotency == NULL || key.base == NULL || c->route->secret ||
        !text_is(c->method, "POST") || !text_starts(c->path, "/api/v1/") ||
        (c->who->user == NULL && !c->who->admin)) {
        c->route->handle(c);
        return;
    }
    if (key.len == 0 || key.len > KEY_MAX || !text_is_printable(key)) {
        err_set(&err, ERR_INVALID, "bad_idempotency_key",
                "An Idempotency-Key has 1 to %d printable bytes.", KEY_MAX);
        call_fail(c, &err);
        return;
    }
    make_mark(c, key, &asked);
    running.user = asked.user;
    memcpy(running.key, asked.key, sizeof(running.key));
    if (!begin(idempotency, &running)) {
        err_set(&err, ERR_CONFLICT, "in_progress",
                "The first request with this Idempotency-Key is still under way.");
        call_fail(c, &err);
        return;
    }
    run_once(idempotency, c, &asked);
    end(idempotency, &running);
}
