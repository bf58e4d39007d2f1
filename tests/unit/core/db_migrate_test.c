/* Migrations: which are refused, their order, what they leave behind. */
#include "tests/unit/core/db_world.h"

#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, 0                                                                              \
    }

static struct db_schema schemas[3];

static void use(const struct embedded *files)
{
    schemas[0] = (struct db_schema){"plain", files};
    schemas[1] = schemas[2] = (struct db_schema){NULL, NULL};
    config.schemas = schemas;
}

static void refused(const char *code)
{
    struct err err = {0};

    assert_null(db_open(&config, &err));
    assert_string_equal(err.code, code);
}

static bool there(const char *name)
{
    struct stat st;

    return stat(pool_printf(pool, "%s/%s", dir, name), &st) == 0;
}

#define BACKUP "a.db.before-" REDHOUSE_VERSION

static void files_run_in_the_order_of_their_numbers(void **state)
{
    /* as they are embedded: by name */
    static const struct embedded files[] = {
        SQL_FILE("1-a.sql", "CREATE TABLE t (n INTEGER)"),
        SQL_FILE("10-c.sql", "INSERT INTO u SELECT n + 10 FROM u"),
        SQL_FILE("2-b.sql", "CREATE TABLE u (n INTEGER); INSERT INTO u VALUES (2)"),
        END,
    };
    use(files);
    for (int i = 0; i < 2; i++) { /* and once only */
        struct db *db = opened();
        assert_int_equal(one_number(db, "SELECT count(*) FROM u"), 2);
        assert_int_equal(one_number(db, "SELECT max(n) FROM u"), 12);
        assert_int_equal(one_number(db, "SELECT count(*) FROM migration WHERE area = 'plain'"), 3);
        db_close(db);
    }
    assert_false(there(BACKUP));
}

static void other_names_are_refused(void **state)
{
    static const char *const names[] = {"0-zero.sql", "x.sql",     "-1-x.sql", "1.sql",
                                        "1-.sql",     "1-x.sql~",  "01-x.sql", "1_x.sql",
                                        "1-a/b.sql",  "readme.md", "",         "99999999999-x.sql"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct embedded files[] = {SQL_FILE("1-good.sql", "CREATE TABLE t (n)"),
                                         SQL_FILE(names[i], "CREATE TABLE u (n)"), END};
        use(files);
        refused("bad_migration");
    }
    const struct embedded twice[] = {SQL_FILE("1-a.sql", "CREATE TABLE t (n)"),
                                     SQL_FILE("1-b.sql", "CREATE TABLE u (n)"), END};
    use(twice);
    refused("bad_migration");
}

static void newer_data_is_refused(void **state)
{
    static const struct embedded one[] = {SQL_FILE("1-a.sql", "CREATE TABLE t (n)"), END};
    static const struct embedded two[] = {SQL_FILE("1-a.sql", "CREATE TABLE t (n)"),
                                          SQL_FILE("2-b.sql", "CREATE TABLE u (n)"), END};
    static const struct embedded other[] = {SQL_FILE("1-o.sql", "CREATE TABLE o (n)"), END};

    use(two);
    db_close(opened());
    use(one);
    refused("newer_data");
    use(two);
    schemas[1] = (struct db_schema){"other", other};
    db_close(opened());
    assert_true(there(BACKUP)); /* an area more is a change of the file, too */
    use(two);                   /* an area that this program does not know */
    refused("newer_data");
}

static void a_failure_changes_nothing_and_a_backup_stays(void **state)
{
    static const struct embedded bad[] = {
        SQL_FILE("1-things.sql", ""),
        SQL_FILE("2-more.sql", "CREATE TABLE more (n); INSERT INTO thing (name) VALUES ('y')"),
        SQL_FILE("3-bad.sql", "CREATE TABLE more (n)"),
        END,
    };
    struct err err;
    struct db *db = opened();

    assert_works(add(db, "x", 0, &err), err);
    db_close(db);
    use(bad);
    refused("database");
    assert_true(there(BACKUP));
    config.schemas = plain_schemas;
    db = opened();
    assert_int_equal(things(db), 1);
    assert_int_equal(one_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'more'"), 0);
    db_close(db);
    config.path = pool_printf(pool, "%s/" BACKUP, dir);
    db = opened();
    assert_int_equal(things(db), 1);
    db_close(db);
}

static void a_migration_may_not_end_the_transaction(void **state)
{
    static const struct embedded files[] = {SQL_FILE("1-a.sql", "CREATE TABLE t (n); COMMIT;"),
                                            END};
    use(files);
    refused("bad_migration");
}

static void a_table_made_anew_keeps_what_refers_to_it(void **state)
{
    static const struct embedded files[] = {
        SQL_FILE("1-things.sql", ""),
        SQL_FILE("2-anew.sql", "CREATE TABLE anew (id INTEGER PRIMARY KEY, name TEXT, body BLOB,"
                               " n INTEGER, more TEXT);"
                               "INSERT INTO anew SELECT id, name, body, n, 'm' FROM thing;"
                               "DROP TABLE thing; ALTER TABLE anew RENAME TO thing;"),
        END,
    };
    struct err err;
    struct db *db = opened();
    {
        auto_tx struct db_tx tx = {0};
        assert_works(db_begin(&tx, db, &err), err);
        assert_int_equal(db_do(tx.conn, &err, add_sql, "zz", "x", NULL), 1);
        assert_int_equal(db_do(tx.conn, &err, "INSERT INTO part SELECT id FROM thing", ""), 1);
        assert_works(db_commit(&tx, &err), err);
    }
    db_close(db);
    use(files);
    db = opened();
    assert_int_equal(one_number(db, "SELECT count(*) FROM part"), 1);
    assert_int_equal(one_number(db, "SELECT count(*) FROM thing WHERE more = 'm'"), 1);
    { /* and keys hold again */
        auto_tx struct db_tx tx = {0};
        assert_works(db_begin(&tx, db, &err), err);
        assert_fails(db_do(tx.conn, &err, "INSERT INTO part VALUES (99)", ""), err, ERR_CONFLICT,
                     "exists");
        assert_int_equal(db_do(tx.conn, &err, "DELETE FROM thing", ""), 1);
        assert_works(db_commit(&tx, &err), err);
    }
    assert_int_equal(one_number(db, "SELECT count(*) FROM part"), 0);
    db_close(db);
}

static void rows_that_refer_to_nothing_are_refused_at_the_end(void **state)
{
    static const struct embedded files[] = {
        SQL_FILE("1-things.sql", ""),
        SQL_FILE("2-orphan.sql", "INSERT INTO part VALUES (99)"),
        END,
    };
    static const struct embedded mended[] = {
        SQL_FILE("1-things.sql", ""),
        SQL_FILE("2-orphan.sql", "INSERT INTO part VALUES (99)"),
        SQL_FILE("3-parent.sql", "INSERT INTO thing (id, name) VALUES (99, 'late')"),
        END,
    };

    db_close(opened());
    use(files);
    refused("bad_migration");
    use(mended);
    struct db *db = opened();
    assert_int_equal(one_number(db, "SELECT count(*) FROM part"), 1);
    db_close(db);
}

static const struct CMUnitTest tests[] = {
    db_test(files_run_in_the_order_of_their_numbers),
    db_test(other_names_are_refused),
    db_test(newer_data_is_refused),
    db_test(a_failure_changes_nothing_and_a_backup_stays),
    db_test(a_migration_may_not_end_the_transaction),
    db_test(a_table_made_anew_keeps_what_refers_to_it),
    db_test(rows_that_refer_to_nothing_are_refused_at_the_end),
};
UNIT_MAIN(tests)
