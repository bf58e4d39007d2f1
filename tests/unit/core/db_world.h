/*
 * A database in a folder of its own, over a VFS that counts the syncs of the file itself (only a
 * checkpoint makes them) and can play a full disk. Tests are listed by db_test(fn).
 */
#pragma once

#include "tests/unit/unit.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/db.h"
#include "core/db_part.h"
#include "core/embedded.h"
#include "core/file.h"
#include "core/pool.h"

#define WAIT_MS 20000 /* for what must happen, on a machine however busy */

#define SQL_FILE(file, sql)                                                                        \
    {                                                                                              \
        (file), (const unsigned char *)(sql), sizeof(sql) - 1                                      \
    }

static const struct embedded plain_files[] = {
    SQL_FILE("1-things.sql", "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE,"
                             " body BLOB, n INTEGER);"
                             "CREATE TABLE part (thing INTEGER NOT NULL REFERENCES thing"
                             " ON DELETE CASCADE);"),
    {NULL, NULL, 0},
};
static const struct db_schema plain_schemas[] = {{"plain", plain_files}, {NULL, NULL}};

static const char add_sql[] = "INSERT INTO thing (name, body) VALUES (?, ?)";

static struct pool *pool;
static char dir[64];
static char *path;
static struct db_config config;

static atomic_uint file_syncs;
static atomic_bool disk_full;
static const sqlite3_io_methods *real_file_io, *real_wal_io;
static sqlite3_io_methods file_io, wal_io;
static sqlite3_vfs *real_vfs;

static inline int count_sync(sqlite3_file *file, int flags)
{
    atomic_fetch_add(&file_syncs, 1);
    return real_file_io->xSync(file, flags);
}

static inline int write_wal(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    return atomic_load(&disk_full) ? SQLITE_FULL : real_wal_io->xWrite(file, p, n, at);
}

static inline void instrument(const sqlite3_io_methods **real, sqlite3_io_methods *ours,
                              const sqlite3_io_methods *methods)
{
    if (*real == NULL) {
        *real = methods;
        *ours = *methods;
        if (ours == &file_io)
            ours->xSync = count_sync;
        else
            ours->xWrite = write_wal;
    }
}

static inline int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                            int *out)
{
    int rc = real_vfs->xOpen(real_vfs, name, file, flags, out);

    if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0) {
        instrument(&real_file_io, &file_io, file->pMethods);
        file->pMethods = &file_io;
    } else if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0) {
        instrument(&real_wal_io, &wal_io, file->pMethods);
        file->pMethods = &wal_io;
    }
    return rc;
}

static inline void register_vfs(void)
{
    static sqlite3_vfs vfs;

    if (real_vfs != NULL)
        return;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "test";
    vfs.xOpen = open_file;
    sqlite3_vfs_register(&vfs, 0);
}

static inline int set_up(void **state)
{
    alarm(60); /* what hangs ends */
    register_vfs();
    atomic_store(&disk_full, false);
    pool = pool_new();
    snprintf(dir, sizeof(dir), "/tmp/redhouse-db-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    path = pool_printf(pool, "%s/a.db", dir);
    config = (struct db_config){
        .path = path, .schemas = plain_schemas, .readers = 1, .vfs = "test", .wait_ms = WAIT_MS};
    return 0;
}

static inline int tear_down(void **state)
{
    struct err err;

    pool_free(pool);
    return file_remove_tree(dir, &err);
}

static inline struct db *opened(void)
{
    struct err err = {0};
    struct db *db = db_open(&config, &err);

    if (db == NULL)
        fail_msg("%s", err.text);
    return db;
}

static inline int64_t one_number(struct db *db, const char *sql)
{
    struct err err = {0};
    int64_t n = -1;
    auto_read struct db_read r = db_read(db, &err);

    if (r.conn == NULL || db_get(r.conn, NULL, &err, sql, "", "i", &n) != 0)
        fail_msg("%s: %s", sql, err.text);
    return n;
}

static inline int64_t things(struct db *db)
{
    return one_number(db, "SELECT count(*) FROM thing");
}

/* One durable row of so many bytes. */
static inline int add(struct db *db, const char *name, size_t bytes, struct err *err)
{
    auto_tx struct db_tx tx = {0};
    auto_free char *body = xcalloc(bytes + 1, 1);

    if (db_begin(&tx, db, err) != 0)
        return -1;
    if (db_do(tx.conn, err, add_sql, "zb", name, text_n(body, bytes)) < 0)
        return -1;
    return db_commit(&tx, err);
}

static inline void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* Until somebody waits for the writer. */
static inline void until_waited_for(struct db *db)
{
    int64_t until = clock_mono_ms() + WAIT_MS;
    bool waits = false;

    while (!waits) {
        pthread_mutex_lock(&db->lock);
        waits = db->first != NULL;
        pthread_mutex_unlock(&db->lock);
        if (!waits && clock_mono_ms() > until)
            fail_msg("nobody waits for the writer");
        nap();
    }
}

#define db_test(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
