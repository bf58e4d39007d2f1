/* Numbered SQL files, forward only, all pending ones in one transaction. */
#include "core/clock.h"
#include "core/db_part.h"
#include "core/embedded.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"

#include <stdlib.h>
#include <string.h>

static long number_of(const struct embedded *file)
{
    return strtol(file->name, NULL, 10);
}

static int applied(struct db *db, const char *area, int64_t *number, struct err *err)
{
    static const char sql[] = "SELECT coalesce(max(number), 0) FROM migration WHERE area = ?";
    auto_pool struct pool *pool = pool_new();

    return db_get(&db->writer, pool, err, sql, "z", "i", area, number);
}

static long newest(const struct db_schema *schema)
{
    long last = 0;

    for (const struct embedded *f = schema->files; f->name != NULL; f++)
        last = number_of(f) > last ? number_of(f) : last;
    return last;
}

static int apply_area(struct db *db, const struct db_schema *schema, struct err *err)
{
    static const char record[] =
        "INSERT INTO migration (area, number, applied_at) VALUES (?, ?, ?)";
    int64_t have = 0;

    if (applied(db, schema->area, &have, err) != 0)
        return -1;
    for (const struct embedded *f = schema->files; f->name != NULL; f++) {
        if (number_of(f) <= have)
            continue;
        auto_free char *sql = xstrndup((const char *)f->bytes, f->len);
        if (db_exec(&db->writer, sql, err) != 0 ||
            db_do(&db->writer, err, record, "zii", schema->area, (int64_t)number_of(f),
                  clock_wall_ms()) < 0)
            return -1;
    }
    return 0;
}

/* How many areas are behind, and whether the file was ever migrated; refuses a file from a newer
 * program. */
static int look(struct db *db, const struct db_schema *schemas, unsigned *behind, bool *fresh,
                struct err *err)
{
    *behind = 0;
    *fresh = true;
    for (const struct db_schema *s = schemas; s->area != NULL; s++) {
        int64_t have = 0;
        if (applied(db, s->area, &have, err) != 0)
            return -1;
        if (have > newest(s))
            return err_set(err, ERR_CONFLICT, "newer_data",
                           "%s was written by a newer version of Redhouse; start that version, or "
                           "restore a backup.",
                           db->path);
        *behind += have < newest(s);
        *fresh = *fresh && have == 0;
    }
    return 0;
}

static int back_up(struct db *db, struct err *err)
{
    auto_free char *path = xprintf("%s.before-%s", db->path, REDHOUSE_VERSION);
    sqlite3_stmt *stmt = NULL;

    if (file_unlink(path, err) != 0)
        return -1;
    int rc = sqlite3_prepare_v2(db->writer.sqlite, "VACUUM INTO ?", -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? 0 : db_fail(&db->writer, rc, err);
}

int db_migrate(struct db *db, const struct db_schema *schemas, struct err *err)
{
    unsigned behind = 0;
    bool fresh = true;

    if (db_exec(&db->writer,
                "CREATE TABLE IF NOT EXISTS migration (area TEXT NOT NULL, number INTEGER NOT NULL,"
                " applied_at INTEGER NOT NULL, PRIMARY KEY (area, number)) STRICT, WITHOUT ROWID",
                err) != 0 ||
        look(db, schemas, &behind, &fresh, err) != 0)
        return -1;
    if (behind == 0)
        return 0;
    if ((!fresh && back_up(db, err) != 0) || db_exec(&db->writer, "BEGIN IMMEDIATE", err) != 0)
        return -1;
    for (const struct db_schema *s = schemas; s->area != NULL; s++) {
        if (apply_area(db, s, err) != 0) {
            (void)sqlite3_exec(db->writer.sqlite, "ROLLBACK", NULL, NULL, NULL);
            return -1;
        }
    }
    return db_exec(&db->writer, "COMMIT", err);
}
