#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "core/blob.h"
#include "core/db.h"
#include "core/file.h"
#include "core/pool.h"
#include "core/small_blob.h"

static struct pool *pool;
static struct blobs *blobs;
static char dir[64];

static const char abc_hex[] = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

static int setup(void **state)
{
    struct err err;

    pool = pool_new();
    snprintf(dir, sizeof(dir), "/tmp/redhouse-blob-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    blobs = blobs_open(dir, &err);
    return blobs == NULL;
}

static int teardown(void **state)
{
    struct err err;

    file_ops_set(NULL);
    blobs_close(blobs);
    pool_free(pool);
    return file_remove_tree(dir, &err);
}

static size_t temp_files(void)
{
    DIR *list = opendir(pool_printf(pool, "%s/tmp", dir));
    size_t n = 0;

    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(list);
    return n;
}

/* Too large for a row. */
static struct text large(void)
{
    size_t n = SMALL_BLOB_MAX + 1;
    char *p = pool_alloc(pool, n);

    memset(p, 'x', n);
    return text_n(p, n);
}

static const char *file_of(const struct blob_id *id)
{
    struct text hex = blob_hex(pool, id);

    return pool_printf(pool, "%s/sha512/%.2s/%s", dir, hex.base, hex.base + 2);
}

static void assert_content(const struct blob_id *id, struct text wanted)
{
    char *content = pool_alloc(pool, wanted.len + 1);
    uint64_t bytes = 0;
    struct err err;
    int fd = -1;

    assert_works(blob_open(blobs, id, &fd, &bytes, &err), err);
    assert_int_equal(bytes, wanted.len);
    assert_int_equal(read(fd, content, wanted.len + 1), bytes);
    assert_memory_equal(content, wanted.base, bytes);
    close(fd);
}

static void assert_not_there(const struct blob_id *id)
{
    uint64_t bytes;
    struct err err;
    int fd = -7;

    assert_fails(blob_open(blobs, id, &fd, &bytes, &err), err, ERR_NOT_FOUND, "not_found");
    assert_int_equal(fd, -7);
}

static void a_blob_is_named_by_its_content(void **state)
{
    struct blob_id id, again;
    struct err err;

    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_text(blob_hex(pool, &id), abc_hex);
    assert_text(blob_integrity(pool, &id),
                "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86"
                "A4qmslPpUyknw==");
    assert_true(blob_from_hex(text_of(abc_hex), &again));
    assert_memory_equal(&id, &again, sizeof(id));
    assert_false(blob_from_hex(TEXT("abc"), &again));
    assert_content(&id, TEXT("abc"));
    assert_works(blob_put(blobs, TEXT_NONE, &id, &err), err);
    assert_content(&id, TEXT(""));
}

static void a_large_one_is_a_file_and_a_small_one_is_not(void **state)
{
    struct text most = text_sub(large(), 0, SMALL_BLOB_MAX);
    struct blob_id id;
    struct err err;

    assert_works(blob_put(blobs, large(), &id, &err), err);
    assert_int_equal(access(file_of(&id), R_OK), 0);
    assert_content(&id, large());
    assert_works(blob_put(blobs, most, &id, &err), err);
    assert_int_equal(access(file_of(&id), R_OK), -1);
    assert_content(&id, most);
    assert_int_equal(temp_files(), 0);
}

static void a_small_one_that_an_older_store_has_as_a_file_is_there(void **state)
{
    struct blob_id id;
    struct err err;

    assert_true(blob_from_hex(text_of(abc_hex), &id));
    assert_works(file_mkdirs(pool_printf(pool, "%s/sha512/dd", dir), 0700, &err), err);
    assert_works(file_replace(file_of(&id), TEXT("abc"), 0600, &err), err);
    assert_content(&id, TEXT("abc"));
    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_works(blob_remove(blobs, &id, &err), err);
    assert_not_there(&id);
}

static void a_missing_blob_is_not_found_and_removing_it_is_fine(void **state)
{
    struct text contents[] = {TEXT("abc"), large()};
    struct blob_id id;
    struct err err;

    assert_true(blob_from_hex(text_of(abc_hex), &id));
    assert_not_there(&id);
    assert_works(blob_remove(blobs, &id, &err), err);
    for (size_t i = 0; i < 2; i++) {
        assert_works(blob_put(blobs, contents[i], &id, &err), err);
        assert_works(blob_remove(blobs, &id, &err), err);
        assert_not_there(&id);
    }
}

static void a_blob_is_read_whole_or_not_at_all(void **state)
{
    struct blob_id id, empty;
    struct text content = TEXT("before");
    struct err err;

    assert_true(blob_from_hex(text_of(abc_hex), &id));
    assert_fails(blob_read(blobs, &id, 3, pool, &content, &err), err, ERR_NOT_FOUND, "not_found");
    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_fails(blob_read(blobs, &id, 2, pool, &content, &err), err, ERR_TOO_LARGE, "too_large");
    assert_text(content, "before");
    assert_works(blob_read(blobs, &id, 3, pool, &content, &err), err);
    assert_text(content, "abc");
    assert_works(blob_put(blobs, TEXT(""), &empty, &err), err);
    assert_works(blob_read(blobs, &empty, 3, pool, &content, &err), err);
    assert_int_equal(content.len, 0);
    assert_works(blob_put(blobs, large(), &id, &err), err);
    assert_fails(blob_read(blobs, &id, SMALL_BLOB_MAX, pool, &content, &err), err, ERR_TOO_LARGE,
                 "too_large");
    assert_works(blob_read(blobs, &id, SMALL_BLOB_MAX + 1, pool, &content, &err), err);
    assert_text(content, text_c(pool, large()));
}

static void opening_the_store_sweeps_left_over_files(void **state)
{
    struct blob_id id, file;
    struct err err;

    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_works(blob_put(blobs, large(), &file, &err), err);
    assert_works(file_replace(pool_printf(pool, "%s/tmp/half", dir), TEXT("ab"), 0600, &err), err);
    assert_int_equal(temp_files(), 1);
    blobs_close(blobs);
    blobs = blobs_open(dir, &err);
    assert_non_null(blobs);
    assert_int_equal(temp_files(), 0);
    assert_content(&id, TEXT("abc"));
    assert_content(&file, large());
}

static void a_damaged_blob_is_replaced_by_a_whole_one(void **state)
{
    struct blob_id id, file;
    struct err err;

    assert_works(blob_put(blobs, large(), &file, &err), err);
    assert_int_equal(truncate(file_of(&file), 1), 0);
    assert_works(blob_put(blobs, large(), &file, &err), err);
    assert_content(&file, large());
    assert_true(blob_from_hex(text_of(abc_hex), &id));
    struct db *rows = small_blobs_open(pool_printf(pool, "%s/small.db", dir), &err);
    assert_non_null(rows);
    assert_works(small_blob_put(rows, &id, TEXT("abd"), &err), err);
    db_close(rows);
    assert_content(&id, TEXT("abd"));
    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_content(&id, TEXT("abc"));
}

static int failing_fsync(int fd)
{
    errno = EIO;
    return -1;
}

static int plain_open(int at, const char *path, int flags, mode_t mode)
{
    return openat(at, path, flags, mode);
}

static void a_blob_that_cannot_be_synced_has_no_name(void **state)
{
    struct file_ops ops = {plain_open, write,   failing_fsync, renameat, linkat,
                           unlinkat,   mkdirat, ftruncate,     close};
    struct blob_id id;
    struct err err;

    file_ops_set(&ops);
    assert_int_equal(blob_put(blobs, large(), &id, &err), -1);
    file_ops_set(NULL);
    assert_int_equal(temp_files(), 0);
    sha512(large(), id.sha512);
    assert_not_there(&id);
}

static ino_t folder_inode, sha512_inode;
static char order[8];
static size_t steps;

/* Folders only: "s" the folder of folders, "f" the blob's. */
static int ordered_fsync(int fd)
{
    struct stat st;

    fstat(fd, &st);
    if (st.st_ino == sha512_inode && steps < sizeof(order))
        order[steps++] = 's';
    if (st.st_ino == folder_inode && steps < sizeof(order))
        order[steps++] = 'f';
    return fsync(fd);
}

/* As when another thread has made the folder and not synced its name yet. */
static void the_name_of_a_folder_that_was_there_is_synced_too(void **state)
{
    struct file_ops ops = {plain_open, write,   ordered_fsync, renameat, linkat,
                           unlinkat,   mkdirat, ftruncate,     close};
    const char *named = pool_printf(pool, "%s/sha512", dir);
    struct blob_id id;
    struct stat st;
    struct err err;

    sha512(large(), id.sha512);
    const char *folder = pool_printf(pool, "%s/%02x", named, id.sha512[0]);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(stat(folder, &st), 0);
    folder_inode = st.st_ino;
    assert_int_equal(stat(named, &st), 0);
    sha512_inode = st.st_ino;
    steps = 0;
    file_ops_set(&ops);
    assert_works(blob_put(blobs, large(), &id, &err), err);
    file_ops_set(NULL);
    assert_int_equal(steps, 2);
    assert_memory_equal(order, "sf", 2);
}

static void *put_same(void *arg)
{
    struct blob_id id;
    struct err err;

    for (int i = 0; i < 20; i++) {
        char content[16];
        int n = snprintf(content, sizeof(content), "blob %d", i);
        if (blob_put(blobs, text_n(content, (size_t)n), &id, &err) != 0 ||
            blob_put(blobs, *(struct text *)arg, &id, &err) != 0)
            return arg;
    }
    return NULL;
}

static void threads_may_put_the_same_content(void **state)
{
    struct text file = large();
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, put_same, &file);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(temp_files(), 0);
}

struct row { /* of a database: the blob is needed once it says so */
    atomic_bool says;
    atomic_int asked;
};

static int says_row(void *arg, const struct blob_id *id, bool *needed, struct err *err)
{
    struct row *row = arg;

    atomic_fetch_add(&row->asked, 1);
    *needed = atomic_load(&row->says);
    return 0;
}

static int fails_to_say(void *arg, const struct blob_id *id, bool *needed, struct err *err)
{
    return err_set(err, ERR_INTERNAL, "internal", "The database cannot be read.");
}

static void what_somebody_needs_or_may_need_stays(void **state)
{
    struct row mine = {0}, theirs = {.says = true};
    struct blob_id id;
    struct err err;

    blobs_ask(blobs, says_row, &mine);
    blobs_ask(blobs, says_row, &theirs);
    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_works(blob_remove(blobs, &id, &err), err);
    assert_content(&id, TEXT("abc"));
    blobs_ask(blobs, fails_to_say, NULL);
    atomic_store(&theirs.says, false);
    assert_int_equal(blob_remove(blobs, &id, &err), -1);
    assert_content(&id, TEXT("abc"));
}

struct told {
    struct blob_id last;
    uint64_t bytes;
    unsigned n, most;
};

static bool tell(void *arg, const struct blob_id *id, uint64_t bytes, int64_t stored_ms)
{
    struct told *told = arg;

    told->last = *id;
    told->bytes += bytes;
    return ++told->n < told->most;
}

static void each_blob_is_told_once_and_what_is_none_is_not(void **state)
{
    struct told told = {.most = 10}, one = {.most = 1};
    struct blob_id id;
    struct err err;

    assert_works(blobs_each(blobs, tell, &told, &err), err);
    assert_int_equal(told.n, 0);
    for (int i = 0; i < 3; i++)
        assert_works(blob_put(blobs, text_sub(TEXT("abc"), 0, (size_t)i + 1), &id, &err), err);
    assert_works(blobs_each(blobs, tell, &told, &err), err);
    assert_int_equal(told.n, 3);
    assert_int_equal(told.bytes, 6);
    assert_works(blobs_each(blobs, tell, &one, &err), err);
    assert_int_equal(one.n, 1);
    told = (struct told){.most = 10};
    assert_works(blob_put(blobs, large(), &id, &err), err);
    assert_works(blobs_each(blobs, tell, &told, &err), err);
    assert_int_equal(told.n, 4);
    assert_int_equal(told.bytes, 6 + SMALL_BLOB_MAX + 1);
}

static void more_small_ones_than_are_looked_up_at_once_are_all_told(void **state)
{
    struct told told = {.most = 10000}, some = {.most = 700};
    struct blob_id id;
    struct err err;

    for (int i = 0; i < 1000; i++)
        assert_works(blob_put(blobs, text_printf(pool, "%d", i), &id, &err), err);
    assert_works(blobs_each(blobs, tell, &told, &err), err);
    assert_int_equal(told.n, 1000);
    assert_works(blobs_each(blobs, tell, &some, &err), err);
    assert_int_equal(some.n, 700);
}

static struct blob_id shared;

static void *remove_shared(void *arg)
{
    struct err err;

    return blob_remove(blobs, &shared, &err) == 0 ? NULL : arg;
}

/* The same bytes, from blob_put to the row that needs them, while they are removed. */
static void bytes_that_are_being_stored_are_not_removed_beneath(void **state)
{
    struct row row = {0};
    pthread_t remover;
    struct err err;
    void *failed;

    blobs_ask(blobs, says_row, &row);
    assert_works(blob_put(blobs, TEXT("abc"), &shared, &err), err);
    blobs_hold(blobs);
    assert_works(blob_put(blobs, TEXT("abc"), &shared, &err), err);
    pthread_create(&remover, NULL, remove_shared, &row);
    usleep(20000); /* were it not to wait, it would ask and remove now */
    assert_int_equal(atomic_load(&row.asked), 0);
    atomic_store(&row.says, true);
    blobs_let_go(blobs);
    pthread_join(remover, &failed);
    assert_null(failed);
    assert_int_equal(atomic_load(&row.asked), 1);
    assert_content(&shared, TEXT("abc"));
    atomic_store(&row.says, false);
    assert_null(remove_shared(NULL));
    assert_not_there(&shared);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    T(a_blob_is_named_by_its_content),
    T(a_large_one_is_a_file_and_a_small_one_is_not),
    T(a_small_one_that_an_older_store_has_as_a_file_is_there),
    T(a_missing_blob_is_not_found_and_removing_it_is_fine),
    T(a_blob_is_read_whole_or_not_at_all),
    T(opening_the_store_sweeps_left_over_files),
    T(a_damaged_blob_is_replaced_by_a_whole_one),
    T(a_blob_that_cannot_be_synced_has_no_name),
    T(the_name_of_a_folder_that_was_there_is_synced_too),
    T(threads_may_put_the_same_content),
    T(what_somebody_needs_or_may_need_stays),
    T(each_blob_is_told_once_and_what_is_none_is_not),
    T(more_small_ones_than_are_looked_up_at_once_are_all_told),
    T(bytes_that_are_being_stored_are_not_removed_beneath),
};
UNIT_MAIN(tests)
