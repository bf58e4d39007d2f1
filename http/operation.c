#include "http/operation.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/log.h"
#include "core/pool.h"
#include "http/call.h"
#include "http/events.h"
#include "http/route.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MS (7ll * 86400 * 1000)

struct operations {
    struct db *db;
    struct events *events;
};

struct operations *operations_open(struct db *control, struct events *events, struct err *err)
{
    static const char cut[] =
        "UPDATE operation SET state = 'failed', code = 'interrupted', ended_at = ?,"
        " problem = 'The server ended meanwhile; ask again.' WHERE state = 'running'";
    struct operations *operations = xcalloc(1, sizeof(*operations));
    auto_tx struct db_tx tx = {0};

    operations->db = control;
    operations->events = events;
    if (db_begin(&tx, control, err) == 0 && db_do(tx.conn, err, cut, "i", clock_wall_ms()) >= 0 &&
        db_commit(&tx, err) == 0)
        return operations;
    free(operations);
    return NULL;
}

void operations_close(struct operations *operations)
{
    free(operations);
}

struct row {
    struct text id, kind, tenant, slug, subject, state, step, code, problem;
    int64_t percent, started, ended;
};

#define COLUMNS                                                                                    \
    "id, kind, tenant, (SELECT slug FROM tenant WHERE tenant.id = operation.tenant), subject,"     \
    " state, coalesce(percent, -1), step, code, problem, started_at, coalesce(ended_at, 0)"

static bool next_row(struct db_rows *q, struct pool *pool, struct row *r)
{
    return db_next(q, pool, "ssssssisssii", &r->id, &r->kind, &r->tenant, &r->slug, &r->subject,
                   &r->state, &r->percent, &r->step, &r->code, &r->problem, &r->started, &r->ended);
}

static void write_row(struct json_writer *w, const struct row *r)
{
    json_open(w);
    json_put_text(w, "id", r->id);
    json_put_text(w, "kind", r->kind);
    json_put_text(w, "tenant", r->slug);
    json_put_text(w, "subject", r->subject);
    json_put_text(w, "state", r->state);
    json_key(w, "percent");
    if (r->percent < 0)
        json_null(w);
    else
        json_int(w, r->percent);
    json_put_text(w, "step", r->step);
    json_key(w, "problem");
    if (r->problem.base == NULL) {
        json_null(w);
    } else {
        json_open(w);
        json_put_text(w, "code", r->code);
        json_put_text(w, "detail", r->problem);
        json_close(w);
    }
    json_put_time(w, "started_at", r->started);
    json_put_time(w, "ended_at", r->ended);
    json_close(w);
}

static int read_one(struct operations *operations, struct pool *pool, struct text id,
                    struct row *row, struct err *err)
{
    static const char sql[] = "SELECT " COLUMNS " FROM operation WHERE id = ?";
    auto_read struct db_read r = db_read(operations->db, err);
    auto_rows struct db_rows q = {0};

    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "s", id) != 0)
        return -1;
    if (next_row(&q, pool, row))
        return 0;
    return q.failed
               ? -1
               : err_set(err, ERR_NOT_FOUND, "operation_not_found", "There is no such operation.");
}

static void emit(struct operations *operations, const char *id)
{
    auto_pool struct pool *pool = pool_new();
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct row row;
    struct err err;

    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    if (read_one(operations, pool, text_of(id), &row, &err) != 0)
        return;
    write_row(&w, &row);
    events_emit(operations->events, row.tenant.base != NULL ? text_c(pool, row.tenant) : NULL,
                "operation", buf_view(&out));
}

int operation_begin(struct operations *operations, const struct operation_spec *spec, char id[27],
                    struct err *err)
{
    static const char sql[] =
        "INSERT INTO operation (id, kind, tenant, subject, user, state, started_at)"
        " VALUES (?, ?, ?, ?, ?, 'running', ?)";
    static const char old[] = "DELETE FROM operation WHERE ended_at < ?";
    auto_tx struct db_tx tx = {0};

    random_id(id);
    if (db_begin(&tx, operations->db, err) != 0 ||
        db_do(tx.conn, err, old, "i", clock_wall_ms() - KEPT_MS) < 0 ||
        db_do(tx.conn, err, sql, "zzzszi", id, spec->kind, spec->tenant, spec->subject, spec->user,
              clock_wall_ms()) < 0 ||
        db_commit(&tx, err) != 0)
        return -1;
    emit(operations, id);
    return 0;
}

void operation_progress(struct operations *operations, const char *id, int percent,
                        struct text step)
{
    static const char sql[] =
        "UPDATE operation SET step = ?, percent = CASE WHEN ? < 0 THEN percent ELSE ? END"
        " WHERE id = ? AND state = 'running'";
    struct err err;
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, operations->db, &err) != 0 ||
        db_do(tx.conn, &err, sql, "siiz", step, (int64_t)percent, (int64_t)percent, id) < 0 ||
        db_commit(&tx, &err) != 0)
        log_error("operation", err.text, "id=%s", id);
    else
        emit(operations, id);
}

void operation_end(struct operations *operations, const char *id, const struct err *problem)
{
    static const char sql[] =
        "UPDATE operation SET state = ?, code = ?, problem = ?, ended_at = ?,"
        " percent = CASE WHEN ? IS NULL THEN 100 ELSE percent END WHERE id = ?"
        " AND state = 'running'";
    struct err err;
    auto_tx struct db_tx tx = {0};
    const char *text = problem != NULL ? problem->text : NULL;

    if (db_begin(&tx, operations->db, &err) != 0 ||
        db_do(tx.conn, &err, sql, "zzzizz", problem != NULL ? "failed" : "done",
              problem != NULL ? problem->code : NULL, text, clock_wall_ms(), text, id) < 0 ||
        db_commit(&tx, &err) != 0)
        log_error("operation", err.text, "id=%s", id);
    else
        emit(operations, id);
}

static void answer(struct call *c, struct operations *operations, struct text id, int status,
                   bool wrapped)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct row row;
    struct err err;

    if (read_one(operations, c->pool, id, &row, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    if (wrapped) {
        json_open(&w);
        json_key(&w, "operation");
    }
    write_row(&w, &row);
    if (wrapped)
        json_close(&w);
    call_json(c, status, &out);
}

void operation_answer(struct operations *operations, struct call *c, const char *id)
{
    call_set(c, "location", text_printf(c->pool, "/api/v1/operations/%s", id));
    answer(c, operations, text_of(pool_strdup(c->pool, id)), 202, true);
}

static bool sees_all(const struct call *c)
{
    return c->who->admin && (c->who->narrowed & SCOPE_PLATFORM) != 0;
}

static bool may_see(const struct call *c, const struct row *row)
{
    auto_pool struct pool *pool = pool_new();

    if (sees_all(c))
        return true;
    return row->tenant.base != NULL &&
           identity_may(c->who, text_c(pool, row->tenant), SCOPE_TENANT_READ);
}

static void get_operation(struct call *c)
{
    struct row row;
    struct err err;

    if (read_one(c->area, c->pool, call_param(c, "id"), &row, &err) != 0) {
        call_fail(c, &err);
    } else if (!may_see(c, &row)) {
        err_set(&err, ERR_NOT_FOUND, "operation_not_found", "There is no such operation.");
        call_fail(c, &err);
    } else {
        answer(c, c->area, row.id, 200, false);
    }
}

/* The ids of the tenants whose operations who may see, as a JSON array; admins see all. */
static struct text tenants_of(const struct call *c)
{
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    json_open_array(&w);
    for (size_t i = 0; i < c->who->n_members; i++)
        if (identity_may(c->who, c->who->members[i].tenant, SCOPE_TENANT_READ))
            json_str(&w, c->who->members[i].tenant);
    json_close_array(&w);
    return text_dup(c->pool, buf_view(&out));
}

static void get_operations(struct call *c)
{
    static const char sql[] = "SELECT " COLUMNS " FROM operation WHERE id < ?1"
                              " AND (?2 OR tenant IN (SELECT value FROM json_each(?3)))"
                              " AND (?4 IS NULL OR state = ?4) ORDER BY id DESC LIMIT ?5";
    struct operations *operations = c->area;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct text cursor, last = TEXT_NONE;
    struct row row;
    struct err err;
    int64_t limit, n = 0;

    if (call_page(c, &limit, &cursor, &err) != 0) {
        call_fail(c, &err);
        return;
    }
    auto_read struct db_read r = db_read(operations->db, &err);
    auto_rows struct db_rows q = {0};
    if (r.conn == NULL ||
        db_each (&q, r.conn, &err, sql, "sissi", cursor.len > 0 ? cursor : TEXT("~"),
                 (int64_t)sees_all(c), tenants_of(c), call_query(c, "state"), limit + 1) != 0) {
        call_fail(c, &err);
        return;
    }
    buf_init(&out, 4u << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    json_open_array(&w);
    while (n < limit && next_row(&q, c->pool, &row)) {
        last = row.id;
        write_row(&w, &row);
        n++;
    }
    bool more = !q.failed && n == limit && next_row(&q, c->pool, &row);
    if (q.failed) {
        call_fail(c, &err);
        return;
    }
    json_close_array(&w);
    json_put_text(&w, "next", more ? last : TEXT_NONE);
    json_close(&w);
    call_json(c, 200, &out);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/operations",
     .handle = get_operations,
     .who = WHO_USER,
     .summary = "long-running actions, newest first",
     .query = "limit cursor state",
     .answer = "[Operation]"},
    {.method = "GET",
     .path = "/api/v1/operations/:id",
     .handle = get_operation,
     .who = WHO_USER,
     .summary = "one long-running action",
     .answer = "Operation"},
};

int operations_routes(struct operations *operations, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), operations, err);
}
