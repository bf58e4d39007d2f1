/* Statements: prepare once, bind by letters, step, read columns. */
#include "core/db.h"

#include "core/clock.h"
#include "core/db_part.h"
#include "core/err.h"
#include "core/json.h"
#include "core/log.h"
#include "core/pool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_disk_full(const struct db_conn *conn, int rc)
{
    switch (rc) {
    case SQLITE_FULL:
        return true;
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMOPEN:
    case SQLITE_IOERR_WRITE:
    case SQLITE_CANTOPEN:
        return conn->sqlite != NULL && sqlite3_system_errno(conn->sqlite) == ENOSPC;
    default:
        return false;
    }
}

static int describe(struct db_conn *conn, int rc, struct err *err)
{
    const char *words = conn->sqlite != NULL ? sqlite3_errmsg(conn->sqlite) : sqlite3_errstr(rc);
    struct db *db = conn->db;
    /* Pages are counted as statements take them: a COMMIT only meets a full disk. */
    bool committing = conn == &db->writer && db->group != NULL && db->group->committing;

    if (rc == SQLITE_FULL && atomic_load(&db->limited) && !committing)
        return err_set(err, ERR_TOO_LARGE, "quota", "The tenant's data has reached its limit.");
    if (is_disk_full(conn, rc))
        return err_disk_full(err);
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return err_set(err, ERR_CONFLICT, "exists",
                       "It is there already, or something it needs is not: %s.", words);
    case SQLITE_TOOBIG:
        return err_set(err, ERR_TOO_LARGE, "too_large", "The value is too large to be stored.");
    case SQLITE_BUSY:
        return err_set(err, ERR_UNAVAILABLE, "database_busy",
                       "Another program holds the database; try again.");
    default:
        return err_set(err, ERR_INTERNAL, "database", "%s: %s", db->path, words);
    }
}

int db_fail(struct db_conn *conn, int rc, struct err *err)
{
    struct db_group *g = conn == &conn->db->writer ? conn->db->group : NULL;
    struct err mine;

    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC || rc == SQLITE_IOERR_TRUNCATE) {
        /* What the kernel dropped after a failed sync cannot be known: only a new start reads the
         * truth. */
        log_error("db", "a sync failed; the process ends", "path=%s error=\"%s\"", conn->db->path,
                  sqlite3_errstr(rc));
        _exit(74);
    }
    describe(conn, rc, &mine);
    if (g != NULL && !g->failed && sqlite3_get_autocommit(conn->sqlite) != 0) {
        g->failed = true;
        g->loser = g->members;
        *g->err = mine;
    }
    if (err != NULL)
        *err = mine;
    return -1;
}

static struct statement *statement_of(struct db_conn *conn, const char *sql, struct err *err)
{
    /* Outside its transaction a statement would commit by itself: the group is lost. */
    if (db_lost(conn, err))
        return NULL;
    struct statement **bucket = &conn->cache[((uintptr_t)sql >> 3) % DB_BUCKETS];
    struct statement *s;
    bool temporary = false;

    for (s = *bucket; s != NULL && s->sql != sql; s = s->next)
        ;
    if (s != NULL && !s->busy) {
        s->busy = true;
        return s;
    }
    temporary = s != NULL;
    s = xcalloc(1, sizeof(*s));
    s->sql = sql;
    s->temporary = temporary;
    int rc = sqlite3_prepare_v3(conn->sqlite, sql, -1, temporary ? 0 : SQLITE_PREPARE_PERSISTENT,
                                &s->stmt, NULL);
    if (rc != SQLITE_OK) {
        free(s);
        db_fail(conn, rc, err);
        return NULL;
    }
    s->busy = true;
    if (!temporary) {
        s->next = *bucket;
        *bucket = s;
    }
    return s;
}

static void statement_end(struct statement *s)
{
    if (s->temporary) {
        sqlite3_finalize(s->stmt);
        free(s);
        return;
    }
    sqlite3_reset(s->stmt);
    sqlite3_clear_bindings(s->stmt);
    s->busy = false;
}

/* Values that outlive the statement's use (keep) need not be copied by SQLite. */
static int bind_text(sqlite3_stmt *stmt, int i, struct text t, bool blob, bool keep)
{
    sqlite3_destructor_type life = keep ? SQLITE_STATIC : SQLITE_TRANSIENT;

    if (t.base == NULL)
        return sqlite3_bind_null(stmt, i);
    return blob ? sqlite3_bind_blob64(stmt, i, t.base, t.len, life)
                : sqlite3_bind_text64(stmt, i, t.base, t.len, life, SQLITE_UTF8);
}

static int bind(struct statement *s, const char *letters, va_list *ap, bool keep)
{
    int rc = SQLITE_OK;

    for (int i = 1; letters[i - 1] != '\0' && rc == SQLITE_OK; i++) {
        switch (letters[i - 1]) {
        case 's':
        case 'b':
            rc = bind_text(s->stmt, i, va_arg(*ap, struct text), letters[i - 1] == 'b', keep);
            break;
        case 'z':
            rc = bind_text(s->stmt, i, text_of(va_arg(*ap, const char *)), false, keep);
            break;
        case 'i':
            rc = sqlite3_bind_int64(s->stmt, i, va_arg(*ap, int64_t));
            break;
        default:
            rc = sqlite3_bind_null(s->stmt, i);
            break;
        }
    }
    return rc;
}

static void read_columns(sqlite3_stmt *stmt, struct pool *pool, const char *letters, va_list *ap)
{
    for (int i = 0; letters[i] != '\0'; i++) {
        if (letters[i] == 'i') {
            *va_arg(*ap, int64_t *) = sqlite3_column_int64(stmt, i);
            continue;
        }
        struct text *out = va_arg(*ap, struct text *);
        if (sqlite3_column_type(stmt, i) == SQLITE_NULL) {
            *out = TEXT_NONE;
            continue;
        }
        const void *bytes =
            letters[i] == 'b' ? sqlite3_column_blob(stmt, i) : sqlite3_column_text(stmt, i);
        *out = text_dup(pool, text_n(bytes, (size_t)sqlite3_column_bytes(stmt, i)));
        if (out->base == NULL)
            out->base = "";
    }
}

int db_do(struct db_conn *conn, struct err *err, const char *sql, const char *letters, ...)
{
    struct statement *s = statement_of(conn, sql, err);
    va_list ap;

    if (s == NULL)
        return -1;
    va_start(ap, letters);
    int rc = bind(s, letters, &ap, true);
    va_end(ap);
    if (rc == SQLITE_OK)
        while ((rc = sqlite3_step(s->stmt)) == SQLITE_ROW)
            ;
    int changes = sqlite3_changes(conn->sqlite);
    if (rc != SQLITE_DONE)
        changes = db_fail(conn, rc, err);
    statement_end(s);
    return changes;
}

int db_get(struct db_conn *conn, struct pool *pool, struct err *err, const char *sql,
           const char *in, const char *out, ...)
{
    struct statement *s = statement_of(conn, sql, err);
    va_list ap;
    int result = 0;

    if (s == NULL)
        return -1;
    va_start(ap, out);
    int rc = bind(s, in, &ap, true);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s->stmt);
    if (rc == SQLITE_ROW)
        read_columns(s->stmt, pool, out, &ap);
    else if (rc == SQLITE_DONE)
        result = err_set(err, ERR_NOT_FOUND, "not_found", "It is not there.");
    else
        result = db_fail(conn, rc, err);
    va_end(ap);
    statement_end(s);
    return result;
}

static int open_rows(struct db_rows *q, struct db_conn *conn, struct err *err, const char *sql,
                     const char *in, va_list *ap)
{
    *q = (struct db_rows){.err = err};
    struct statement *s = statement_of(conn, sql, err);

    if (s == NULL)
        return -1;
    int rc = bind(s, in, ap, false);
    if (rc != SQLITE_OK) {
        db_fail(conn, rc, err);
        statement_end(s);
        return -1;
    }
    q->statement = s;
    q->conn = conn;
    return 0;
}

int db_each (struct db_rows *q, struct db_conn * conn, struct err * err, const char *sql,
             const char *in, ...)
{
    va_list ap;

    va_start(ap, in);
    int rc = open_rows(q, conn, err, sql, in, &ap);
    va_end(ap);
    return rc;
}

/* One step; false at the end or on failure, which is noted. */
static bool step_rows(struct db_rows *q)
{
    struct statement *s = q->statement;

    if (s == NULL || q->failed)
        return false;
    int rc = sqlite3_step(s->stmt);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE) {
        q->failed = true;
        db_fail(q->conn, rc, q->err);
    }
    db_rows_end(q);
    return false;
}

bool db_next(struct db_rows *q, struct pool *pool, const char *out, ...)
{
    va_list ap;

    if (!step_rows(q))
        return false;
    va_start(ap, out);
    read_columns(((struct statement *)q->statement)->stmt, pool, out, &ap);
    va_end(ap);
    return true;
}

void db_rows_end(struct db_rows *q)
{
    if (q->statement != NULL)
        statement_end(q->statement);
    q->statement = NULL;
}

static void write_time(struct json_writer *w, int64_t ms)
{
    auto_pool struct pool *pool = pool_new();

    if (ms == 0)
        json_null(w);
    else
        json_str(w, clock_iso(pool, ms));
}

static void write_column(struct json_writer *w, sqlite3_stmt *stmt, int i)
{
    struct text name = text_of(sqlite3_column_name(stmt, i));
    char kind = name.len > 0 ? name.base[name.len - 1] : '\0';
    int type = sqlite3_column_type(stmt, i);

    if (kind == '!' || kind == '?' || kind == '@')
        name.len--;
    json_key_text(w, name);
    if (type == SQLITE_NULL) {
        json_null(w);
    } else if (kind == '?') {
        json_bool(w, sqlite3_column_int64(stmt, i) != 0);
    } else if (kind == '@') {
        write_time(w, sqlite3_column_int64(stmt, i));
    } else if (type == SQLITE_INTEGER) {
        json_int(w, sqlite3_column_int64(stmt, i));
    } else {
        const void *bytes = sqlite3_column_text(stmt, i);
        struct text t = text_n(bytes, (size_t)sqlite3_column_bytes(stmt, i));
        if (kind == '!')
            json_raw(w, t);
        else
            json_text(w, t);
    }
}

int db_json(struct json_writer *w, struct db_conn *conn, struct err *err, const char *sql,
            const char *in, ...)
{
    auto_rows struct db_rows q = {0};
    va_list ap;

    va_start(ap, in);
    int rc = open_rows(&q, conn, err, sql, in, &ap);
    va_end(ap);
    if (rc != 0)
        return -1;
    json_open_array(w);
    while (step_rows(&q)) {
        sqlite3_stmt *stmt = ((struct statement *)q.statement)->stmt;
        json_open(w);
        for (int i = 0; i < sqlite3_column_count(stmt); i++)
            write_column(w, stmt, i);
        json_close(w);
    }
    json_close_array(w);
    return q.failed ? -1 : 0;
}

int64_t db_last_id(struct db_conn *conn)
{
    return sqlite3_last_insert_rowid(conn->sqlite);
}
