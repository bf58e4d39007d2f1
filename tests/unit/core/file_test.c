#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/pool.h"

static struct pool *pool;
static char dir[64];

static int setup(void **state)
{
    pool = pool_new();
    snprintf(dir, sizeof(dir), "/tmp/redhouse-file-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    struct err err;

    file_ops_set(NULL);
    pool_free(pool);
    return file_remove_tree(dir, &err);
}

static const char *in_dir(const char *name)
{
    return pool_printf(pool, "%s/%s", dir, name);
}

static struct text content(const char *path)
{
    auto_buf struct buf b;
    struct err err;

    buf_init(&b, 1 << 20);
    assert_works(file_read(path, 1 << 20, &b, &err), err);
    return text_dup(pool, buf_view(&b));
}

static void join_stays_below_its_base(void **state)
{
    static const char *const odd[] = {"", "/a", "..", "a/../b", "a/..", ".", "a/./b", "a//b", "a/"};
    const char *path = NULL;
    struct err err;

    assert_works(file_join(pool, "/base", TEXT("a/b..c/...d"), &path, &err), err);
    assert_string_equal(path, "/base/a/b..c/...d");
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_fails(file_join(pool, "/base", text_of(odd[i]), &path, &err), err, ERR_INVALID,
                     "bad_path");
    assert_fails(file_join(pool, "/base", text_n("a\0b", 3), &path, &err), err, ERR_INVALID,
                 "bad_path");
}

static void mkdirs_makes_all_that_is_missing(void **state)
{
    struct err err;
    struct stat st;

    assert_works(file_mkdirs(in_dir("a/b/c/"), 0700, &err), err);
    assert_works(file_mkdirs(in_dir("a/b/c"), 0700, &err), err);
    assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_works(file_replace(in_dir("file"), TEXT("x"), 0600, &err), err);
    assert_fails(file_mkdirs(in_dir("file/d"), 0700, &err), err, ERR_INTERNAL, "internal");
}

static void replace_puts_whole_content_in_place(void **state)
{
    struct err err;
    struct stat st;

    assert_works(file_replace(in_dir("f"), TEXT("one"), 0640, &err), err);
    assert_works(file_replace(in_dir("f"), TEXT("two"), 0640, &err), err);
    assert_text(content(in_dir("f")), "two");
    stat(in_dir("f"), &st);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_works(file_replace(in_dir("f"), TEXT_NONE, 0600, &err), err);
    assert_text(content(in_dir("f")), "");
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

static int writes_left;

/* One byte at a time, then a full disk. */
static ssize_t stingy_write(int fd, const void *p, size_t n)
{
    if (writes_left-- <= 0) {
        errno = ENOSPC;
        return -1;
    }
    return write(fd, p, 1);
}

static struct file_ops faulty(void)
{
    return (struct file_ops){plain_open, write,   fsync,     renameat, linkat,
                             unlinkat,   mkdirat, ftruncate, close};
}

static void replace_that_fails_leaves_the_old_file_alone(void **state)
{
    struct file_ops ops = faulty();
    struct err err;

    assert_works(file_replace(in_dir("f"), TEXT("old"), 0600, &err), err);
    ops.fsync = failing_fsync;
    file_ops_set(&ops);
    assert_fails(file_replace(in_dir("f"), TEXT("new"), 0600, &err), err, ERR_INTERNAL, "internal");
    ops = faulty();
    ops.write = stingy_write;
    writes_left = 2;
    assert_fails(file_replace(in_dir("f"), TEXT("new"), 0600, &err), err, ERR_NO_SPACE,
                 "disk_full");
    writes_left = 3;
    assert_text(content(in_dir("f")), "old");
    assert_works(file_replace(in_dir("f"), TEXT("new"), 0600, &err), err);
    assert_text(content(in_dir("f")), "new");
    file_ops_set(NULL);
    assert_works(file_replace(in_dir("g"), TEXT(""), 0600, &err), err);
    unlink(in_dir("f"));
    unlink(in_dir("g"));
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
}

static char journal[16];
static size_t steps;

static int noted_fsync(int fd)
{
    struct stat st;

    fstat(fd, &st);
    journal[steps++] = S_ISDIR(st.st_mode) ? 'D' : 'F';
    return fsync(fd);
}

static int noted_rename(int a, const char *from, int b, const char *to)
{
    journal[steps++] = 'R';
    return renameat(a, from, b, to);
}

static void replace_syncs_file_then_renames_then_syncs_folder(void **state)
{
    struct file_ops ops = faulty();
    struct err err;

    steps = 0;
    ops.fsync = noted_fsync;
    ops.rename = noted_rename;
    file_ops_set(&ops);
    assert_works(file_replace(in_dir("f"), TEXT("x"), 0600, &err), err);
    assert_int_equal(steps, 3);
    assert_memory_equal(journal, "FRD", 3);
}

static void read_refuses_links_fifos_folders_and_too_much(void **state)
{
    auto_buf struct buf b;
    struct err err;

    buf_init(&b, 100);
    assert_works(file_replace(in_dir("f"), TEXT("12345"), 0600, &err), err);
    assert_int_equal(symlink(in_dir("f"), in_dir("link")), 0);
    assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
    assert_fails(file_read(in_dir("link"), 100, &b, &err), err, ERR_INVALID, "not_a_file");
    assert_fails(file_read(in_dir("fifo"), 100, &b, &err), err, ERR_INVALID, "not_a_file");
    assert_fails(file_read(dir, 100, &b, &err), err, ERR_INVALID, "not_a_file");
    assert_fails(file_read(in_dir("none"), 100, &b, &err), err, ERR_NOT_FOUND, "not_found");
    assert_fails(file_read(in_dir("f"), 4, &b, &err), err, ERR_TOO_LARGE, "file_too_large");
    assert_int_equal(b.len, 0);
    assert_works(file_read(in_dir("f"), 5, &b, &err), err);
    assert_text(buf_view(&b), "12345");
}

static void remove_tree_follows_no_link(void **state)
{
    struct err err;

    assert_works(file_mkdirs(in_dir("outside"), 0700, &err), err);
    assert_works(file_replace(in_dir("outside/kept"), TEXT("x"), 0600, &err), err);
    assert_works(file_mkdirs(in_dir("tree/a/b"), 0700, &err), err);
    assert_int_equal(symlink(in_dir("outside"), in_dir("tree/a/b/out")), 0);
    assert_int_equal(symlink("/nowhere", in_dir("tree/dangling")), 0);
    assert_works(file_remove_tree(in_dir("tree"), &err), err);
    assert_int_equal(access(in_dir("tree"), F_OK), -1);
    assert_text(content(in_dir("outside/kept")), "x");
    assert_works(file_remove_tree(in_dir("tree"), &err), err);
    assert_int_equal(symlink(in_dir("outside"), in_dir("tree")), 0);
    assert_works(file_remove_tree(in_dir("tree"), &err), err);
    assert_text(content(in_dir("outside/kept")), "x");
}

static void remove_tree_copes_with_depth_and_width(void **state)
{
    struct err err;
    char name[32];
    int at = open(dir, O_RDONLY | O_DIRECTORY);

    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(at, "deep", 0700), 0);
        snprintf(name, sizeof(name), "f%d", i);
        close(openat(at, name, O_CREAT | O_WRONLY, 0600));
        int next = openat(at, "deep", O_RDONLY | O_DIRECTORY);
        close(at);
        at = next;
    }
    close(at);
    at = open(dir, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "wide%d", i);
        mkdirat(at, name, 0700);
    }
    close(at);
    assert_works(file_remove_tree(dir, &err), err);
    assert_int_equal(access(dir, F_OK), -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    T(join_stays_below_its_base),
    T(mkdirs_makes_all_that_is_missing),
    T(replace_puts_whole_content_in_place),
    T(replace_that_fails_leaves_the_old_file_alone),
    T(replace_syncs_file_then_renames_then_syncs_folder),
    T(read_refuses_links_fifos_folders_and_too_much),
    T(remove_tree_follows_no_link),
    T(remove_tree_copes_with_depth_and_width),
};
UNIT_MAIN(tests)
