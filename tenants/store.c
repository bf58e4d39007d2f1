#include "tenants/store.h"

#include "core/db.h"
#include "core/embedded.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_MAX_OPEN 64

extern const struct embedded tenants_sql_tenant[];

struct file {
    char tenant[32];
    struct db *db;
    unsigned users;
    uint64_t used; /* rises with each loan: the smallest is the least recently used */
};

struct store {
    char *dir;
    pthread_mutex_t lock; /* also held while a file is opened: opening is rare and short */
    pthread_cond_t freed;
    uint64_t clock;
    struct file files[STORE_MAX_OPEN];
};

struct store *store_open(const char *dir, struct err *err)
{
    if (file_mkdirs(dir, 0700, err) != 0)
        return NULL;
    struct store *store = xcalloc(1, sizeof(*store));
    store->dir = xstrdup(dir);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->freed, NULL);
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    for (int i = 0; i < STORE_MAX_OPEN; i++)
        db_close(store->files[i].db);
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->freed);
    free(store->dir);
    free(store);
}

static struct file *file_of(struct store *store, const char *tenant)
{
    for (int i = 0; i < STORE_MAX_OPEN; i++)
        if (store->files[i].db != NULL && strcmp(store->files[i].tenant, tenant) == 0)
            return &store->files[i];
    return NULL;
}

/* A free slot, closing the least recently used idle file if all are taken; NULL if all are in use.
 */
static struct file *slot_for(struct store *store)
{
    struct file *oldest = NULL;

    for (int i = 0; i < STORE_MAX_OPEN; i++) {
        struct file *f = &store->files[i];
        if (f->db == NULL)
            return f;
        if (f->users == 0 && (oldest == NULL || f->used < oldest->used))
            oldest = f;
    }
    if (oldest != NULL) {
        db_close(oldest->db);
        oldest->db = NULL;
    }
    return oldest;
}

static bool is_id(const char *tenant)
{
    size_t n = strlen(tenant);
    return n > 0 && n < 32 && strspn(tenant, "0123456789abcdefghijklmnopqrstuvwxyz") == n;
}

static struct db *open_file(struct store *store, const char *tenant, struct err *err)
{
    static const struct db_schema schemas[] = {{"tenant", tenants_sql_tenant}, {NULL, NULL}};
    auto_free char *path = xprintf("%s/%s.db", store->dir, tenant);
    struct db_config config = {.path = path, .schemas = schemas, .readers = 2};

    return db_open(&config, err);
}

struct db *store_take(struct store *store, const char *tenant, struct err *err)
{
    if (!is_id(tenant)) {
        err_set(err, ERR_NOT_FOUND, "not_found", "There is no such tenant.");
        return NULL;
    }
    pthread_mutex_lock(&store->lock);
    struct file *f;
    while ((f = file_of(store, tenant)) == NULL) {
        f = slot_for(store);
        if (f == NULL) {
            pthread_cond_wait(&store->freed, &store->lock);
            continue;
        }
        f->db = open_file(store, tenant, err);
        if (f->db == NULL) {
            pthread_mutex_unlock(&store->lock);
            return NULL;
        }
        snprintf(f->tenant, sizeof(f->tenant), "%s", tenant);
        f->users = 0;
        break;
    }
    f->users++;
    f->used = ++store->clock;
    struct db *db = f->db;
    pthread_mutex_unlock(&store->lock);
    return db;
}

void store_release(struct store *store, struct db *db)
{
    if (db == NULL)
        return;
    pthread_mutex_lock(&store->lock);
    for (int i = 0; i < STORE_MAX_OPEN; i++) {
        if (store->files[i].db == db) {
            store->files[i].users--;
            break;
        }
    }
    pthread_cond_broadcast(&store->freed);
    pthread_mutex_unlock(&store->lock);
}

void store_quiet(struct store *store)
{
    for (int i = 0; i < STORE_MAX_OPEN; i++) {
        pthread_mutex_lock(&store->lock);
        struct file *f = &store->files[i];
        struct db *db = f->db;
        if (db != NULL)
            f->users++;
        pthread_mutex_unlock(&store->lock);
        if (db != NULL) {
            db_quiet(db);
            store_release(store, db);
        }
    }
}

int store_erase(struct store *store, const char *tenant, struct err *err)
{
    if (!is_id(tenant))
        return err_set(err, ERR_NOT_FOUND, "not_found", "There is no such tenant.");
    pthread_mutex_lock(&store->lock);
    struct file *f;
    while ((f = file_of(store, tenant)) != NULL && f->users > 0)
        pthread_cond_wait(&store->freed, &store->lock);
    if (f != NULL) {
        db_close(f->db);
        f->db = NULL;
    }
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    int rc = 0;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        auto_free char *path = xprintf("%s/%s.db%s", store->dir, tenant, suffixes[i]);
        if (file_unlink(path, err) != 0)
            rc = -1;
    }
    pthread_mutex_unlock(&store->lock);
    return rc == 0 ? file_sync_dir(store->dir, err) : -1;
}

struct store_loan store_borrow(struct store *store, const char *tenant, struct err *err)
{
    return (struct store_loan){store, store_take(store, tenant, err)};
}

void store_loan_end(struct store_loan *loan)
{
    store_release(loan->store, loan->db);
    loan->db = NULL;
}
