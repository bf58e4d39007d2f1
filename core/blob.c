#include "core/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/db.h"
#include "core/err.h"
#include "core/file.h"
#include "core/pool.h"
#include "core/small_blob.h"

#define DIR_MODE 0700
#define FILE_MODE 0600
#define MOST_ASKED 4

struct blobs {
    char *dir;
    struct db *small;
    atomic_bool made[256]; /* which folders are known to be on disk, by their first byte */
    pthread_rwlock_t held; /* shared: bytes are being stored; alone: some are removed */
    struct {
        blob_needed needed;
        void *arg;
    } asked[MOST_ASKED];
    size_t n_asked;
};

static int clear_temp(const char *dir, struct err *err)
{
    DIR *list = opendir(dir);
    struct dirent *entry;
    int rc = 0;

    if (list == NULL)
        return err_errno(err, "The folder %s cannot be read", dir);
    while (rc == 0 && (entry = readdir(list)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        auto_free char *path = xprintf("%s/%s", dir, entry->d_name);
        rc = file_unlink(path, err);
    }
    closedir(list);
    return rc;
}

struct blobs *blobs_open(const char *dir, struct err *err)
{
    auto_free char *temp = xprintf("%s/tmp", dir);
    auto_free char *named = xprintf("%s/sha512", dir);
    auto_free char *small = xprintf("%s/small.db", dir);

    if (file_mkdirs(temp, DIR_MODE, err) != 0 || file_mkdirs(named, DIR_MODE, err) != 0 ||
        file_sync_dir(dir, err) != 0 || clear_temp(temp, err) != 0)
        return NULL;
    struct db *rows = small_blobs_open(small, err);
    if (rows == NULL)
        return NULL;
    struct blobs *blobs = xcalloc(1, sizeof(*blobs));
    blobs->small = rows;
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    /* else who stores all the time would keep who removes waiting */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&blobs->held, &attr);
    pthread_rwlockattr_destroy(&attr);
    blobs->dir = xstrdup(dir);
    return blobs;
}

void blobs_close(struct blobs *blobs)
{
    if (blobs == NULL)
        return;
    db_close(blobs->small);
    pthread_rwlock_destroy(&blobs->held);
    free(blobs->dir);
    free(blobs);
}

void blobs_quiet(struct blobs *blobs)
{
    db_quiet(blobs->small);
}

struct text blob_hex(struct pool *pool, const struct blob_id *id)
{
    return hex_encode(pool, id->sha512, sizeof(id->sha512));
}

bool blob_from_hex(struct text hex, struct blob_id *id)
{
    return hex_decode(hex, id->sha512, sizeof(id->sha512));
}

struct text blob_integrity(struct pool *pool, const struct blob_id *id)
{
    return text_printf(pool, "sha512-%s", b64_encode(pool, id->sha512, sizeof(id->sha512)).base);
}

/* The folder, of 256, that the blob lives in; its name in there is the rest of the digits. */
static const char *folder_of(struct blobs *blobs, struct pool *pool, struct text hex)
{
    return pool_printf(pool, "%s/sha512/%.2s", blobs->dir, hex.base);
}

static const char *path_of(struct blobs *blobs, struct pool *pool, const struct blob_id *id)
{
    struct text hex = blob_hex(pool, id);

    return pool_printf(pool, "%s/%s", folder_of(blobs, pool, hex), hex.base + 2);
}

/* True if the blob is there with its length. Whoever put it there may not have synced the folder
 * yet, so that is done here as well. */
static int find_existing(struct blobs *blobs, const struct blob_id *id, size_t bytes, bool *found,
                         struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct stat st;

    *found = stat(path_of(blobs, pool, id), &st) == 0 && S_ISREG(st.st_mode) &&
             (uint64_t)st.st_size == bytes;
    return *found ? file_sync_dir(folder_of(blobs, pool, blob_hex(pool, id)), err) : 0;
}

/* Whoever made the folder, a thread that is still at it or a process that was ended, may not have
 * synced its name. */
static int need_folder(struct blobs *blobs, const struct blob_id *id, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    atomic_bool *made = &blobs->made[id->sha512[0]];

    if (atomic_load(made))
        return 0;
    if (file_mkdirs(folder_of(blobs, pool, blob_hex(pool, id)), DIR_MODE, err) != 0 ||
        file_sync_dir(pool_printf(pool, "%s/sha512", blobs->dir), err) != 0)
        return -1;
    atomic_store(made, true);
    return 0;
}

/* Gives a written file its name. */
static int place(struct blobs *blobs, const struct blob_id *id, int fd, const char *temp,
                 struct err *err)
{
    auto_pool struct pool *pool = pool_new();

    if (need_folder(blobs, id, err) != 0)
        return -1;
    return file_publish(fd, temp, path_of(blobs, pool, id), err);
}

static int put_file(struct blobs *blobs, struct text content, const struct blob_id *id,
                    struct err *err)
{
    char name[27];
    bool found;
    int fd;

    if (find_existing(blobs, id, content.len, &found, err) != 0)
        return -1;
    if (found)
        return 0;
    random_id(name);
    auto_free char *temp = xprintf("%s/tmp/%s", blobs->dir, name);
    if (file_create(temp, FILE_MODE, &fd, err) != 0)
        return -1;
    int rc = file_write_all(fd, content.base, content.len, err);
    if (rc == 0)
        rc = place(blobs, id, fd, temp, err);
    if (rc != 0)
        file_unlink(temp, NULL);
    file_close(fd);
    return rc;
}

int blob_put(struct blobs *blobs, struct text content, struct blob_id *id, struct err *err)
{
    sha512(content, id->sha512);
    return content.len <= SMALL_BLOB_MAX ? small_blob_put(blobs->small, id, content, err)
                                         : put_file(blobs, content, id, err);
}

static int open_file(struct blobs *blobs, const struct blob_id *id, int *fd, uint64_t *bytes,
                     struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    const char *path = path_of(blobs, pool, id);
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (opened < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "not_found", "The content is not in the blob store.");
    if (opened < 0)
        return err_errno(err, "A blob cannot be opened");
    if (fstat(opened, &st) != 0) {
        err_errno(err, "A blob cannot be read");
        file_close(opened);
        return -1;
    }
    *fd = opened;
    *bytes = (uint64_t)st.st_size;
    return 0;
}

/* A row as a file, which those who send need. */
static int open_copy(struct text content, int *fd, uint64_t *bytes, struct err *err)
{
    int opened = memfd_create("blob", MFD_CLOEXEC);
    size_t n = 0;

    if (opened < 0)
        return err_errno(err, "A blob cannot be opened");
    while (n < content.len) {
        ssize_t put = pwrite(opened, content.base + n, content.len - n, (off_t)n);
        if (put <= 0) {
            err_errno(err, "A blob cannot be opened");
            file_close(opened);
            return -1;
        }
        n += (size_t)put;
    }
    *fd = opened;
    *bytes = content.len;
    return 0;
}

static int find_small(struct blobs *blobs, const struct blob_id *id, struct pool *pool,
                      struct text *content, bool *found, struct err *err)
{
    struct err why;

    *found = small_blob_get(blobs->small, id, pool, content, &why) == 0;
    return *found || why.kind == ERR_NOT_FOUND ? 0
                                               : err_set(err, why.kind, why.code, "%s", why.text);
}

int blob_open(struct blobs *blobs, const struct blob_id *id, int *fd, uint64_t *bytes,
              struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct text content;
    bool small;

    if (find_small(blobs, id, pool, &content, &small, err) != 0)
        return -1;
    return small ? open_copy(content, fd, bytes, err) : open_file(blobs, id, fd, bytes, err);
}

static int too_large(uint64_t bytes, size_t most, struct err *err)
{
    return err_set(err, ERR_TOO_LARGE, "too_large", "A blob has %llu bytes; %zu are taken.",
                   (unsigned long long)bytes, most);
}

static int read_file(struct blobs *blobs, const struct blob_id *id, size_t most, struct pool *pool,
                     struct text *out, struct err *err)
{
    auto_close int fd = -1;
    uint64_t bytes;
    size_t n = 0;
    ssize_t got = 1;

    if (open_file(blobs, id, &fd, &bytes, err) != 0)
        return -1;
    if (bytes > most)
        return too_large(bytes, most, err);
    char *at = pool_alloc(pool, bytes + 1);
    while (n < bytes && (got = pread(fd, at + n, bytes - n, (off_t)n)) > 0)
        n += (size_t)got;
    if (got < 0)
        return err_errno(err, "A blob cannot be read");
    if (n < bytes)
        return err_set(err, ERR_INTERNAL, "internal", "A blob ends before its end.");
    *out = text_n(at, bytes);
    return 0;
}

int blob_read(struct blobs *blobs, const struct blob_id *id, size_t most, struct pool *pool,
              struct text *out, struct err *err)
{
    struct text content;
    bool small;

    if (find_small(blobs, id, pool, &content, &small, err) != 0)
        return -1;
    if (!small)
        return read_file(blobs, id, most, pool, out, err);
    if (content.len > most)
        return too_large(content.len, most, err);
    *out = content;
    return 0;
}

struct blobs *blobs_hold(struct blobs *blobs)
{
    pthread_rwlock_rdlock(&blobs->held);
    return blobs;
}

void blobs_let_go(struct blobs *blobs)
{
    if (blobs != NULL)
        pthread_rwlock_unlock(&blobs->held);
}

void blobs_ask(struct blobs *blobs, blob_needed needed, void *arg)
{
    if (blobs->n_asked == MOST_ASKED)
        abort();
    blobs->asked[blobs->n_asked].needed = needed;
    blobs->asked[blobs->n_asked++].arg = arg;
}

int blob_is_needed(struct blobs *blobs, const struct blob_id *id, bool *needed, struct err *err)
{
    bool is = false;

    for (size_t i = 0; i < blobs->n_asked && !is; i++) {
        is = true;
        if (blobs->asked[i].needed(blobs->asked[i].arg, id, &is, err) != 0)
            return -1;
    }
    *needed = is;
    return 0;
}

struct walk {
    blob_each fn;
    void *arg;
    bool over;
};

static int walk_folder(struct walk *walk, const char *dir, const char *front, struct err *err)
{
    DIR *list = opendir(dir);
    struct dirent *entry;
    struct blob_id id;
    char hex[2 * SHA512_BYTES + 1];

    if (list == NULL)
        return errno == ENOENT ? 0 : err_errno(err, "The folder %s cannot be read", dir);
    while (!walk->over && (entry = readdir(list)) != NULL) {
        struct stat st;
        int n = snprintf(hex, sizeof(hex), "%s%s", front, entry->d_name);
        if (n != (int)sizeof(hex) - 1 || !blob_from_hex(text_of(hex), &id) ||
            fstatat(dirfd(list), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode))
            continue;
        walk->over =
            !walk->fn(walk->arg, &id, (uint64_t)st.st_size, (int64_t)st.st_mtim.tv_sec * 1000);
    }
    closedir(list);
    return 0;
}

int blobs_each(struct blobs *blobs, blob_each fn, void *arg, struct err *err)
{
    struct walk walk = {fn, arg, false};
    char front[3];

    if (small_blobs_each(blobs->small, fn, arg, &walk.over, err) != 0)
        return -1;
    for (unsigned i = 0; i < 256 && !walk.over; i++) {
        snprintf(front, sizeof(front), "%02x", i);
        auto_free char *dir = xprintf("%s/sha512/%s", blobs->dir, front);
        if (walk_folder(&walk, dir, front, err) != 0)
            return -1;
    }
    return 0;
}

static int remove_unneeded(struct blobs *blobs, const struct blob_id *id, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    bool needed;

    if (blob_is_needed(blobs, id, &needed, err) != 0)
        return -1;
    if (needed)
        return 0;
    return small_blob_remove(blobs->small, id, err) != 0
               ? -1
               : file_unlink(path_of(blobs, pool, id), err);
}

int blob_remove(struct blobs *blobs, const struct blob_id *id, struct err *err)
{
    pthread_rwlock_wrlock(&blobs->held);
    int rc = remove_unneeded(blobs, id, err);
    pthread_rwlock_unlock(&blobs->held);
    return rc;
}
