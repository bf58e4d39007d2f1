/* Numbered SQL files, forward only, all pending ones in one transaction. */
#include "core/clock.h"
#include "core/db_part.h"
#include "core/embedded.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"

#include <stdlib.h>
#include <string.h>

/* The N of "N-words.sql", 0 for any other name. */
static int64_t number_of(const struct embedded *file)
{
    char *end;
    size_t len = strlen(file->name);

    if (file->name[0] < '1' || file->name[0] > '9')
        return 0;
    long n = strtol(file->name, &end, 10);
    size_t rest = len - (size_t)(end - file->name);
    bool good = n <= INT32_MAX && end[0] == '-' && rest > strlen("-.sql") &&
                strcmp(file->name + len - 4, ".sql") == 0 && strchr(end, '/') == NULL;
    return good ? n : 0;
}

/* The first file after that number, NULL at the end: they are embedded in the order of names. */
static const struct embedded *next_after(const struct db_schema *schema, int64_t number)
{
    const struct embedded *next = NULL;

    for (const struct embedded *f = schema->files; f->name != NULL; f++)
        if (number_of(f) > number && (next == NULL || number_of(f) < number_of(next)))
            next = f;
    return next;
}

static int check_names(const struct db_schema *schema, struct err *err)
{
    for (const struct embedded *f = schema->files; f->name != NULL; f++) {
        if (number_of(f) == 0)
            return err_set(err, ERR_INTERNAL, "bad_migration",
                           "%s of %s is not named as a migration is.", f->name, schema->area);
        for (const struct embedded *g = schema->files; g != f; g++)
            if (number_of(g) == number_of(f))
                return err_set(err, ERR_INTERNAL, "bad_migration", "%s has two migrations %lld.",
                               schema->area, (long long)number_of(f));
    }
    return 0;
}

static int applied(struct db *db, const char *area, int64_t *number, struct err *err)
{
    static const char sql[] = "SELECT coalesce(max(number), 0) FROM migration WHERE area = ?";
    auto_pool struct pool *pool = pool_new();

    return db_get(&db->writer, pool, err, sql, "z", "i", area, number);
}

static int64_t newest(const struct db_schema *schema)
{
    int64_t last = 0;

    for (const struct embedded *f; (f = next_after(schema, last)) != NULL;)
        last = number_of(f);
    return last;
}

static int apply(struct db *db, const char *area, const struct embedded *file, struct err *err)
{
    static const char record[] =
        "INSERT INTO migration (area, number, applied_at) VALUES (?, ?, ?)";
    auto_free char *sql = xstrndup((const char *)file->bytes, file->len);

    if (db_exec(&db->writer, sql, err) != 0)
        return -1;
    if (sqlite3_get_autocommit(db->writer.sqlite) != 0)
        return err_set(err, ERR_INTERNAL, "bad_migration", "%s of %s ends the transaction.",
                       file->name, area);
    return db_do(&db->writer, err, record, "zii", area, number_of(file), clock_wall_ms()) < 0 ? -1
                                                                                              : 0;
}

static int apply_area(struct db *db, const struct db_schema *schema, struct err *err)
{
    const struct embedded *f;
    int64_t have = 0;

    if (applied(db, schema->area, &have, err) != 0)
        return -1;
    for (; (f = next_after(schema, have)) != NULL; have = number_of(f))
        if (apply(db, schema->area, f, err) != 0)
            return -1;
    return 0;
}

static int check_keys(struct db *db, struct err *err)
{
    static const char sql[] = "SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1";
    auto_pool struct pool *pool = pool_new();
    auto_rows struct db_rows q = {0};
    struct text table, parent;

    if (db_each (&q, &db->writer, err, sql, "") != 0)
        return -1;
    if (db_next(&q, pool, "ss", &table, &parent))
        return err_set(err, ERR_INTERNAL, "bad_migration",
                       "A migration leaves rows of %.*s that refer to nothing in %.*s.",
                       TEXT_ARG(table), TEXT_ARG(parent));
    return q.failed ? -1 : 0;
}

static int refuse_newer(const struct db *db, struct err *err)
{
    return err_set(err, ERR_CONFLICT, "newer_data",
                   "%s was written by a newer version of Redhouse; start that version, or restore "
                   "a backup.",
                   db->path);
}

static bool knows(const struct db_schema *schemas, struct text area)
{
    for (const struct db_schema *s = schemas; s->area != NULL; s++)
        if (text_is(area, s->area))
            return true;
    return false;
}

static int check_areas(struct db *db, const struct db_schema *schemas, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    auto_rows struct db_rows q = {0};
    struct text area;

    if (db_each (&q, &db->writer, err, "SELECT DISTINCT area FROM migration", "") != 0)
        return -1;
    while (db_next(&q, pool, "s", &area))
        if (!knows(schemas, area))
            return refuse_newer(db, err);
    return q.failed ? -1 : 0;
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
        if (check_names(s, err) != 0 || applied(db, s->area, &have, err) != 0)
            return -1;
        if (have > newest(s))
            return refuse_newer(db, err);
        *behind += have < newest(s);
        *fresh = *fresh && have == 0;
    }
    return check_areas(db, schemas, err);
}

static int back_up(struct db *db, struct err *err)
{
    auto_free char *path = xprintf("%s.before-%s", db->path, REDHOUSE_VERSION);

    if (file_unlink(path, err) != 0)
        return -1;
    return db_copy(&db->writer, path, err);
}

static int apply_all(struct db *db, const struct db_schema *schemas, struct err *err)
{
    if (db_exec(&db->writer, "BEGIN IMMEDIATE", err) != 0)
        return -1;
    for (const struct db_schema *s = schemas; s->area != NULL; s++)
        if (apply_area(db, s, err) != 0)
            return -1;
    return check_keys(db, err) != 0 ? -1 : db_exec(&db->writer, "COMMIT", err);
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
    if (!fresh && back_up(db, err) != 0)
        return -1;
    /* Dropping a table that is made anew must not take the rows along that refer to it. */
    if (db_exec(&db->writer, "PRAGMA foreign_keys=OFF", err) != 0)
        return -1;
    if (apply_all(db, schemas, err) != 0) {
        (void)sqlite3_exec(db->writer.sqlite, "ROLLBACK", NULL, NULL, NULL);
        return -1;
    }
    return db_exec(&db->writer, "PRAGMA foreign_keys=ON", err);
}
