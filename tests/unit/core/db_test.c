/* Opening, reading, statements, the whole file. Writers in groups are in db_turn_test.c. */
#include "tests/unit/core/db_world.h"

#include "core/buf.h"
#include "core/db_part.h"
#include "core/json.h"

static void what_is_written_is_read_as_it_was(void **state)
{
    struct db *db = opened();
    struct err err;
    struct text name, body;
    int64_t n;
    {
        auto_tx struct db_tx tx = {0};
        assert_works(db_begin(&tx, db, &err), err);
        assert_int_equal(db_do(tx.conn, &err, "INSERT INTO thing VALUES (?, ?, ?, ?)", "isbi",
                               (int64_t)7, TEXT("gr\xc3\xbcn"), text_n("a\0b", 3), INT64_MIN),
                         1);
        assert_int_equal(db_last_id(tx.conn), 7);
        assert_int_equal(db_do(tx.conn, &err, add_sql, "zb", NULL, text_n("", 0)), 1);
        assert_works(db_commit(&tx, &err), err);
    }
    {
        auto_read struct db_read r = db_read(db, &err);
        assert_works(db_get(r.conn, pool, &err, "SELECT name, body, n FROM thing WHERE id = ?", "i",
                            "sbi", (int64_t)7, &name, &body, &n),
                     err);
        assert_text(name, "gr\xc3\xbcn");
        assert_int_equal(body.len, 3);
        assert_memory_equal(body.base, "a\0b", 3);
        assert_true(n == INT64_MIN);
        assert_works(db_get(r.conn, pool, &err, "SELECT name, body FROM thing WHERE id <> 7", "",
                            "sb", &name, &body),
                     err);
        assert_null(name.base);
        assert_non_null(body.base);
        assert_int_equal(body.len, 0);
        assert_fails(db_get(r.conn, pool, &err, "SELECT n FROM thing WHERE id = 9", "", "i", &n),
                     err, ERR_NOT_FOUND, "not_found");
    }
    db_close(db);
}

static void what_is_not_committed_is_gone(void **state)
{
    struct db *db = opened();
    struct err err;
    {
        auto_tx struct db_tx tx = {0};
        assert_works(db_begin(&tx, db, &err), err);
        assert_int_equal(db_do(tx.conn, &err, add_sql, "zz", "x", NULL), 1);
    }
    assert_int_equal(things(db), 0);
    assert_works(add(db, "x", 10, &err), err);
    db_close(db);
    db = opened();
    assert_int_equal(things(db), 1);
    db_close(db);
}

static void a_reader_sees_one_state_and_cannot_write(void **state)
{
    struct db *db = opened();
    struct err err;
    int64_t before = -1, after = -1;

    {
        auto_read struct db_read r = db_read(db, &err);
        assert_works(db_get(r.conn, pool, &err, "SELECT count(*) FROM thing", "", "i", &before),
                     err);
        assert_works(add(db, "x", 10, &err), err);
        assert_works(db_get(r.conn, pool, &err, "SELECT count(*) FROM thing", "", "i", &after),
                     err);
        assert_int_equal(before, 0);
        assert_int_equal(after, 0);
        assert_fails(db_do(r.conn, &err, "DELETE FROM thing", ""), err, ERR_INTERNAL, "database");
        db_read_end(&r);
        db_read_end(&r);
    }
    assert_int_equal(things(db), 1);
    db_close(db);
}

static void a_violated_constraint_is_a_conflict_and_spares_the_rest(void **state)
{
    struct db *db = opened();
    struct err err;

    assert_works(add(db, "x", 0, &err), err);
    {
        auto_tx struct db_tx tx = {0};
        assert_works(db_begin(&tx, db, &err), err);
        assert_int_equal(db_do(tx.conn, &err, add_sql, "zz", "y", NULL), 1);
        assert_fails(db_do(tx.conn, &err, add_sql, "zz", "x", NULL), err, ERR_CONFLICT, "exists");
        assert_fails(db_do(tx.conn, &err, "INSERT INTO part VALUES (?)", "i", (int64_t)99), err,
                     ERR_CONFLICT, "exists");
        assert_works(db_commit(&tx, &err), err);
    }
    assert_int_equal(things(db), 2);
    db_close(db);
}

static void a_statement_may_run_inside_itself(void **state)
{
    static const char sql[] = "SELECT name FROM thing ORDER BY name";
    struct db *db = opened();
    struct err err;
    struct text a, b;
    int pairs = 0;

    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name; name++)
        assert_works(add(db, *name, 0, &err), err);
    auto_read struct db_read r = db_read(db, &err);
    for (int round = 0; round < 2; round++) {
        auto_rows struct db_rows outer = {0};
        assert_works(db_each (&outer, r.conn, &err, sql, ""), err);
        while (db_next(&outer, pool, "s", &a)) {
            auto_rows struct db_rows inner = {0};
            assert_works(db_each (&inner, r.conn, &err, sql, ""), err);
            for (int i = 0; i < 2 && db_next(&inner, pool, "s", &b); i++)
                pairs++;
            assert_text(b, "b");
        }
        assert_false(outer.failed);
        assert_text(a, "c");
    }
    assert_int_equal(pairs, 12);
    db_read_end(&r);
    db_close(db);
}

static void a_failure_while_stepping_is_told(void **state)
{
    struct db *db = opened();
    struct err err = {0};
    int64_t n;

    auto_read struct db_read r = db_read(db, &err);
    auto_rows struct db_rows q = {0};
    assert_works(db_each (&q, r.conn, &err,
                          "SELECT value FROM (SELECT 1 AS value UNION ALL SELECT abs(?))", "i",
                          INT64_MIN),
                 err);
    assert_true(db_next(&q, pool, "i", &n));
    assert_false(db_next(&q, pool, "i", &n));
    assert_true(q.failed);
    assert_string_equal(err.code, "database");
    assert_non_null(strstr(err.text, "overflow"));
    assert_fails(db_each (&q, r.conn, &err, "SELECT nothing FROM nowhere", ""), err, ERR_INTERNAL,
                 "database");
    db_read_end(&r);
    db_close(db);
}

static void rows_become_json_by_the_ends_of_their_names(void **state)
{
    static const char sql[] =
        "SELECT 7 AS n, 'a\"b' AS s, '[1]' AS 'raw!', 1 AS 'yes?', NULL AS 'no?',"
        " 1000 AS 'at@', 0 AS 'never@', NULL AS none";
    struct db *db = opened();
    auto_buf struct buf out;
    struct json_writer w;
    struct err err;

    buf_init(&out, 4096);
    json_writer_init(&w, &out);
    auto_read struct db_read r = db_read(db, &err);
    assert_works(db_json(&w, r.conn, &err, sql, ""), err);
    assert_text(buf_view(&out),
                "[{\"n\":7,\"s\":\"a\\\"b\",\"raw\":[1],\"yes\":true,\"no\":null,"
                "\"at\":\"1970-01-01T00:00:01.000Z\",\"never\":null,\"none\":null}]");
    db_read_end(&r);
    db_close(db);
}

/* A value that SQLite refuses must not quietly become NULL. */
static void a_value_that_cannot_be_bound_is_refused(void **state)
{
    static const char each_sql[] = "SELECT id FROM thing WHERE name = ?";
    struct db *db = opened();
    struct err err;
    int64_t id;
    {
        auto_tx struct db_tx tx = {0};
        struct text huge = text_n("x", (size_t)1 << 31); /* refused by its length, never read */
        auto_rows struct db_rows q = {0};
        assert_works(db_begin(&tx, db, &err), err);
        assert_fails(db_do(tx.conn, &err, add_sql, "sz", huge, NULL), err, ERR_TOO_LARGE,
                     "too_large");
        assert_fails(db_do(tx.conn, &err, add_sql, "zb", "x", huge), err, ERR_TOO_LARGE,
                     "too_large");
        assert_fails(db_get(tx.conn, NULL, &err, each_sql, "s", "i", huge, &id), err, ERR_TOO_LARGE,
                     "too_large");
        assert_fails(db_each (&q, tx.conn, &err, each_sql, "s", huge), err, ERR_TOO_LARGE,
                     "too_large");
        assert_fails(db_do(tx.conn, &err, add_sql, "zzi", "x", NULL, (int64_t)1), err, ERR_INTERNAL,
                     "database");
        assert_int_equal(db_do(tx.conn, &err, add_sql, "zz", "x", NULL), 1);
        assert_works(db_commit(&tx, &err), err);
    }
    assert_int_equal(things(db), 1);
    db_close(db);
}

static void a_folder_may_be_a_link_the_file_may_not(void **state)
{
    char *link = pool_printf(pool, "%s/link", dir), *real = pool_printf(pool, "%s/real", dir);
    struct err err;

    assert_int_equal(mkdir(real, 0700), 0);
    assert_int_equal(symlink("real", link), 0);
    config.path = pool_printf(pool, "%s/a.db", link);
    struct db *db = opened();
    assert_works(add(db, "x", 0, &err), err);
    db_close(db);
    config.path = pool_printf(pool, "%s/a.db", real);
    db = opened();
    assert_int_equal(things(db), 1);
    db_close(db);
    assert_int_equal(symlink("real/a.db", path), 0);
    config.path = path;
    assert_null(db_open(&config, &err));
    assert_string_equal(err.code, "database");
    config.path = pool_printf(pool, "%s/nowhere/a.db", dir);
    assert_null(db_open(&config, &err));
    assert_non_null(strstr(err.text, "No such file"));
}

static void nobody_waits_for_ever(void **state)
{
    struct err err;

    config.wait_ms = 40;
    struct db *db = opened();
    {
        auto_read struct db_read first = db_read(db, &err);
        auto_tx struct db_tx tx = {0}, late = {0};
        struct db_read second = db_read(db, &err);
        assert_null(second.conn);
        assert_int_equal(err.kind, ERR_UNAVAILABLE);
        assert_string_equal(err.code, "database_busy");
        db_read_end(&second);

        assert_works(db_begin(&tx, db, &err), err);
        assert_fails(db_begin(&late, db, &err), err, ERR_UNAVAILABLE, "database_busy");
        assert_fails(db_limit(db, 0, &err), err, ERR_UNAVAILABLE, "database_busy");
        assert_int_equal(db_do(tx.conn, &err, add_sql, "zz", "x", NULL), 1);
        assert_works(db_commit(&tx, &err), err);
    }
    assert_int_equal(things(db), 1);
    assert_works(add(db, "y", 0, &err), err);
    db_close(db);
}

static void a_ceiling_holds_and_can_be_moved(void **state)
{
    struct err err;

    config.max_bytes = 200000;
    struct db *db = opened();
    assert_works(add(db, "a", 50000, &err), err);
    assert_fails(add(db, "b", 500000, &err), err, ERR_TOO_LARGE, "quota");
    assert_works(add(db, "c", 50000, &err), err);
    assert_works(db_limit(db, 1000000, &err), err);
    assert_works(add(db, "b", 500000, &err), err);
    assert_works(db_limit(db, 1, &err), err); /* below what is there: it cannot grow */
    assert_fails(add(db, "d", 500000, &err), err, ERR_TOO_LARGE, "quota");
    assert_works(db_limit(db, 0, &err), err);
    assert_works(add(db, "d", 3000000, &err), err);
    assert_int_equal(things(db), 4);
    db_close(db);
}

static void no_ceiling_is_none(void **state)
{
    struct err err;
    struct db *db = opened();

    assert_works(add(db, "a", 8000000, &err), err);
    assert_works(db_limit(db, 0, &err), err);
    assert_works(add(db, "b", 8000000, &err), err);
    db_close(db);
}

static void a_copy_is_whole_and_never_overwrites(void **state)
{
    char *copy = pool_printf(pool, "%s/copy.db", dir);
    struct db *db = opened();
    struct err err;

    assert_works(add(db, "x", 100000, &err), err);
    assert_works(db_export(db, copy, &err), err);
    assert_fails(db_export(db, copy, &err), err, ERR_INTERNAL, "database");
    assert_int_equal(things(db), 1);
    db_close(db);
    config.path = copy;
    db = opened();
    assert_int_equal(one_number(db, "SELECT length(body) FROM thing"), 100000);
    db_close(db);
}

static off_t wal_bytes(void)
{
    struct stat st = {0};

    (void)stat(pool_printf(pool, "%s-wal", path), &st);
    return st.st_size;
}

static void a_quiet_file_is_emptied_once_no_reader_is_in_the_way(void **state)
{
    struct db *db = opened();
    struct err err;
    int64_t n;
    {
        auto_read struct db_read r = db_read(db, &err);
        assert_works(db_get(r.conn, NULL, &err, "SELECT count(*) FROM thing", "", "i", &n), err);
        assert_works(add(db, "x", 10000, &err), err);
        int64_t quiet = clock_mono_ms() + 2500;
        while (clock_mono_ms() <= quiet) { /* long enough to be tried, and tried in vain */
            db_quiet(db);
            nap();
        }
        assert_true(wal_bytes() > 10000);
    }
    db_quiet(db);
    assert_int_equal(wal_bytes(), 0);
    assert_works(add(db, "y", 10000, &err), err);
    db_close(db);
}

static int reprepared(const struct db_conn *conn, const char *sql)
{
    for (size_t i = 0; i < DB_BUCKETS; i++)
        for (const struct statement *s = conn->cache[i]; s != NULL; s = s->next)
            if (s->sql == sql)
                return sqlite3_stmt_status(s->stmt, SQLITE_STMTSTATUS_REPREPARE, 0);
    return -1;
}

static void a_statement_is_prepared_once_whatever_is_bound(void **state)
{
    static const char index_sql[] = "CREATE INDEX thing_seven ON thing (body) WHERE n = 7";
    static const char sql[] = "SELECT count(*) FROM thing WHERE body = ? AND n = ?";
    struct db *db = opened();
    struct err err;
    int64_t n;
    {
        auto_tx struct db_tx tx = {0};
        assert_works(db_begin(&tx, db, &err), err);
        assert_int_not_equal(db_do(tx.conn, &err, index_sql, ""), -1);
        for (int64_t i = 0; i < 20; i++)
            assert_works(db_get(tx.conn, NULL, &err, sql, "bi", "i", TEXT("x"), i % 2 * 7, &n),
                         err);
        assert_int_equal(reprepared(tx.conn, sql), 0);
        assert_works(db_commit(&tx, &err), err);
    }
    db_close(db);
}

static const struct CMUnitTest tests[] = {
    db_test(what_is_written_is_read_as_it_was),
    db_test(what_is_not_committed_is_gone),
    db_test(a_reader_sees_one_state_and_cannot_write),
    db_test(a_violated_constraint_is_a_conflict_and_spares_the_rest),
    db_test(a_statement_may_run_inside_itself),
    db_test(a_statement_is_prepared_once_whatever_is_bound),
    db_test(a_failure_while_stepping_is_told),
    db_test(rows_become_json_by_the_ends_of_their_names),
    db_test(a_value_that_cannot_be_bound_is_refused),
    db_test(a_folder_may_be_a_link_the_file_may_not),
    db_test(nobody_waits_for_ever),
    db_test(a_ceiling_holds_and_can_be_moved),
    db_test(no_ceiling_is_none),
    db_test(a_copy_is_whole_and_never_overwrites),
    db_test(a_quiet_file_is_emptied_once_no_reader_is_in_the_way),
};
UNIT_MAIN(tests)
