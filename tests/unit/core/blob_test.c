#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "core/blob.h"
#include "core/file.h"
#include "core/pool.h"

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

static void assert_content(const struct blob_id *id, const char *wanted)
{
    char content[100];
    uint64_t bytes = 0;
    struct err err;
    int fd = -1;

    assert_works(blob_open(blobs, id, &fd, &bytes, &err), err);
    assert_int_equal(bytes, strlen(wanted));
    assert_int_equal(read(fd, content, sizeof(content)), bytes);
    assert_memory_equal(content, wanted, bytes);
    close(fd);
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
    assert_int_equal(access(pool_printf(pool, "%s/sha512/dd/%s", dir, abc_hex + 2), R_OK), 0);
    assert_content(&id, "abc");
    assert_int_equal(temp_files(), 0);
}

static void parts_make_the_same_blob_and_the_copy_goes(void **state)
{
    struct blob_id whole, parts;
    uint64_t bytes;
    struct err err;

    assert_works(blob_put(blobs, TEXT("abc"), &whole, &err), err);
    struct blob_writer *w = blob_begin(blobs, 3, &err);
    assert_works(blob_write(w, "a", 1, &err), err);
    assert_works(blob_write(w, "bc", 2, &err), err);
    assert_int_equal(temp_files(), 1);
    assert_works(blob_commit(w, &parts, &bytes, &err), err);
    assert_int_equal(bytes, 3);
    assert_memory_equal(&whole, &parts, sizeof(whole));
    assert_int_equal(temp_files(), 0);
    assert_works(blob_put(blobs, TEXT_NONE, &whole, &err), err);
    assert_content(&whole, "");
}

static void more_than_allowed_is_refused(void **state)
{
    struct err err;
    struct blob_writer *w = blob_begin(blobs, 3, &err);

    assert_works(blob_write(w, "ab", 2, &err), err);
    assert_fails(blob_write(w, "cd", 2, &err), err, ERR_TOO_LARGE, "too_large");
    blob_abort(w);
    blob_abort(NULL);
    assert_int_equal(temp_files(), 0);
}

static void a_missing_blob_is_not_found_and_removing_it_is_fine(void **state)
{
    struct blob_id id;
    uint64_t bytes;
    struct err err;
    int fd = -7;

    assert_true(blob_from_hex(text_of(abc_hex), &id));
    assert_fails(blob_open(blobs, &id, &fd, &bytes, &err), err, ERR_NOT_FOUND, "not_found");
    assert_int_equal(fd, -7);
    assert_works(blob_remove(blobs, &id, &err), err);
    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_works(blob_remove(blobs, &id, &err), err);
    assert_int_equal(blob_open(blobs, &id, &fd, &bytes, &err), -1);
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
}

static void opening_the_store_sweeps_left_over_files(void **state)
{
    struct blob_id id;
    struct err err;
    struct blob_writer *w = blob_begin(blobs, 3, &err);

    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_int_equal(temp_files(), 1);
    struct blobs *again = blobs_open(dir, &err);
    assert_non_null(again);
    assert_int_equal(temp_files(), 0);
    assert_content(&id, "abc");
    blobs_close(again);
    blob_abort(w);
}

static void a_damaged_blob_is_replaced_by_a_whole_one(void **state)
{
    struct blob_id id;
    struct err err;

    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_int_equal(truncate(pool_printf(pool, "%s/sha512/dd/%s", dir, abc_hex + 2), 1), 0);
    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
    assert_content(&id, "abc");
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
    uint64_t bytes;
    struct err err;
    int fd;

    file_ops_set(&ops);
    assert_int_equal(blob_put(blobs, TEXT("abc"), &id, &err), -1);
    file_ops_set(NULL);
    assert_int_equal(temp_files(), 0);
    assert_true(blob_from_hex(text_of(abc_hex), &id));
    assert_fails(blob_open(blobs, &id, &fd, &bytes, &err), err, ERR_NOT_FOUND, "not_found");
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
    const char *folder = pool_printf(pool, "%s/dd", named);
    struct blob_id id;
    struct stat st;
    struct err err;

    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(stat(folder, &st), 0);
    folder_inode = st.st_ino;
    assert_int_equal(stat(named, &st), 0);
    sha512_inode = st.st_ino;
    steps = 0;
    file_ops_set(&ops);
    assert_works(blob_put(blobs, TEXT("abc"), &id, &err), err);
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
        if (blob_put(blobs, text_n(content, (size_t)n), &id, &err) != 0)
            return arg;
    }
    return NULL;
}

static void threads_may_put_the_same_content(void **state)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, put_same, &threads);
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
    assert_content(&id, "abc");
    blobs_ask(blobs, fails_to_say, NULL);
    atomic_store(&theirs.says, false);
    assert_int_equal(blob_remove(blobs, &id, &err), -1);
    assert_content(&id, "abc");
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
    assert_content(&shared, "abc");
    atomic_store(&row.says, false);
    assert_null(remove_shared(NULL));
    int fd;
    uint64_t bytes;
    assert_fails(blob_open(blobs, &shared, &fd, &bytes, &err), err, ERR_NOT_FOUND, "not_found");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    T(a_blob_is_named_by_its_content),
    T(parts_make_the_same_blob_and_the_copy_goes),
    T(more_than_allowed_is_refused),
    T(a_missing_blob_is_not_found_and_removing_it_is_fine),
    T(a_blob_is_read_whole_or_not_at_all),
    T(opening_the_store_sweeps_left_over_files),
    T(a_damaged_blob_is_replaced_by_a_whole_one),
    T(a_blob_that_cannot_be_synced_has_no_name),
    T(the_name_of_a_folder_that_was_there_is_synced_too),
    T(threads_may_put_the_same_content),
    T(what_somebody_needs_or_may_need_stays),
    T(each_blob_is_told_once_and_what_is_none_is_not),
    T(bytes_that_are_being_stored_are_not_removed_beneath),
};
UNIT_MAIN(tests)
