#include "tests/unit/power/migration.h"

#include "tests/unit/unit.h"

#include "core/db.h"
#include "core/embedded.h"
#include "core/file.h"
#include "core/pool.h"
#include "tests/unit/power/disk.h"
#include "tests/unit/power/platter.h"
#include "tests/unit/power/record.h"

#include <sys/stat.h>

static const struct embedded old_sql[] = {
    {"1-a.sql", (const unsigned char *)"CREATE TABLE a (x TEXT);", 24}, {NULL, NULL, 0}};
static const struct embedded new_sql[] = {
    {"1-a.sql", (const unsigned char *)"CREATE TABLE a (x TEXT);", 24},
    {"2-b.sql", (const unsigned char *)"DROP TABLE a;", 13},
    {NULL, NULL, 0}};

static struct db *open_version(const char *path, const struct embedded *sql, struct err *err)
{
    const struct db_schema schemas[] = {{"power", sql}, {NULL, NULL}};
    struct db_config config = {.path = path, .schemas = schemas, .readers = 1};

    return db_open(&config, err);
}

static int64_t number_in(struct db *db, const char *sql)
{
    auto_pool struct pool *pool = pool_new();
    int64_t n = -1;
    struct err err;
    auto_read struct db_read r = db_read(db, &err);

    return r.conn != NULL && db_get(r.conn, pool, &err, sql, "", "i", &n) == 0 ? n : -1;
}

static void fill(const char *path)
{
    struct err err;
    struct db *db = open_version(path, old_sql, &err);
    auto_tx struct db_tx tx = {0};

    assert_non_null(db);
    assert_works(db_begin(&tx, db, &err), err);
    for (int i = 0; i < 200; i++)
        assert_int_equal(db_do(tx.conn, &err, "INSERT INTO a VALUES (hex(randomblob(2000)))", ""),
                         1);
    assert_works(db_commit(&tx, &err), err);
    db_close(db);
}

/* Once the new version is there, so is the backup of the old. */
static void judge_backup(const char *dir, struct verdict *v)
{
    static const char behind[] = "SELECT count(*) FROM migration WHERE number = 2";
    auto_free char *path = xprintf("%s/x.db", dir);
    auto_free char *backup = xprintf("%s/x.db.before-%s", dir, REDHOUSE_VERSION);
    struct err err;
    struct db *db = open_version(path, new_sql, &err);

    if (db == NULL) {
        verdict_find(v, "%s", err.text);
        return;
    }
    assert_int_equal(number_in(db, behind), 1);
    db_close(db);
    db = open_version(backup, old_sql, &err);
    if (db == NULL || number_in(db, "SELECT count(*) FROM a WHERE length(x) = 4000") != 200)
        verdict_find(v, "the backup is not whole: %s", db == NULL ? err.text : "rows are missing");
    db_close(db);
}

void migration_lose_power(const char *base, uint64_t seed, struct verdict *v)
{
    auto_free char *dir = xprintf("%s/migrated", base);
    auto_free char *left = xprintf("%s/left", base);
    auto_free char *path = xprintf("%s/x.db", dir);
    struct err err;

    assert_int_equal(mkdir(dir, 0700), 0);
    fill(path);
    struct disk *disk = disk_new(dir);
    record_to(disk, 0, false);
    struct db *db = open_version(path, new_sql, &err);
    record_to(NULL, 0, false);
    assert_non_null(db);
    db_close(db);
    struct platter *platter = platter_new(disk);
    for (size_t at = disk_start(disk); at <= disk_position(disk) && !v->bad; at += 11) {
        struct power_loss loss = {.at = at, .seed = seed + at, .keeps = at % 2 * 50};
        assert_int_equal(platter_rebuild(platter, &loss, left), 0);
        judge_backup(left, v);
    }
    platter_free(platter);
    disk_free(disk);
    file_remove_tree(dir, NULL);
}
