/* Lists in pages, objects with entity tags. */
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "http/negotiate.h"
#include "http/people_part.h"

#define LIST_MAX (8u << 20)
#define FILTER_MAX 100

void people_end_list(struct call *c, struct json_writer *w, struct text next)
{
    json_close_array(w);
    json_put_text(w, "next", next);
    json_close(w);
    call_json(c, 200, w->out);
}

/* The cursor of the last row of a full page that is not the last page. */
static int find_next(struct call *c, struct db_conn *conn, const char *sql, const char *owner,
                     struct text *next, struct err *err)
{
    struct text cursor, key = TEXT_NONE, after;
    int64_t limit;

    if (call_page(c, &limit, &cursor, err) != 0)
        return -1;
    *next = TEXT_NONE;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, sql, "zsis", owner, cursor.base != NULL ? cursor : TEXT(""), limit,
                 call_query(c, "filter")) != 0)
        return -1;
    if (db_next(&q, c->pool, "s", &key) && db_next(&q, c->pool, "s", &after))
        *next = key;
    return q.failed ? -1 : 0;
}

static int write_list(struct call *c, struct json_writer *w, const struct people_list *list,
                      const char *owner, struct err *err)
{
    const struct people *people = c->area;
    struct text cursor, next, filter = call_query(c, "filter");
    int64_t limit;

    if (call_page(c, &limit, &cursor, err) != 0)
        return -1;
    if (filter.len > FILTER_MAX)
        return err_set(err, ERR_INVALID, "bad_filter", "A filter has at most %d bytes.",
                       FILTER_MAX);
    auto_read struct db_read r = db_read(people->config.control, err);
    if (r.conn == NULL || find_next(c, r.conn, list->keys, owner, &next, err) != 0)
        return -1;
    json_open(w);
    json_key(w, "items");
    if (db_json(w, r.conn, err, list->rows, "zsis", owner, cursor.base != NULL ? cursor : TEXT(""),
                limit, filter) != 0)
        return -1;
    json_put_text(w, "next", next);
    json_close(w);
    return 0;
}

void people_answer_list(struct call *c, const struct people_list *list, const char *owner)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;

    buf_init(&out, LIST_MAX);
    json_writer_init(&w, &out);
    if (write_list(c, &w, list, owner, &err) != 0)
        call_fail(c, &err);
    else
        call_json(c, 200, &out);
}

static struct text etag_of(struct pool *pool, const struct buf *json)
{
    unsigned char hash[SHA256_BYTES];

    sha256(buf_view(json), hash);
    return text_printf(pool, "\"%.*s\"", TEXT_ARG(b64url_encode(pool, hash, 18)));
}

void people_answer_object(struct call *c, int status, const struct buf *json)
{
    if (!call_not_modified(c, etag_of(c->pool, json)))
        call_json(c, status, json);
}

int people_check_match(struct call *c, const struct buf *json, struct err *err)
{
    struct text wanted = call_header(c, "if-match");

    if (wanted.base == NULL || negotiate_has(wanted, etag_of(c->pool, json)))
        return 0;
    return err_set(err, ERR_PRECONDITION, "changed",
                   "It has changed since you read it; read it again.");
}
