#include "tests/unit/unit.h"

#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "tests/unit/core/bundle_seen.h"

static int setup(void **state)
{
    pool = pool_new();
    return 0;
}

static int teardown(void **state)
{
    pool_free(pool);
    return 0;
}

static la_ssize_t on_write(struct archive *archive, void *arg, const void *p, size_t n)
{
    buf_add(arg, p, n);
    return (la_ssize_t)n;
}

static struct text zip(const char *name, mode_t mode, struct text content, bool deflate)
{
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    struct buf out;

    buf_init(&out, SIZE_MAX);
    archive_write_set_format_zip(a);
    archive_write_set_options(a, deflate ? "compression=deflate" : "compression=store");
    archive_write_set_bytes_in_last_block(a, 1);
    assert_int_equal(archive_write_open(a, &out, NULL, on_write, NULL), ARCHIVE_OK);
    archive_entry_set_pathname(entry, "theme.json");
    archive_entry_set_mode(entry, S_IFREG | 0644);
    archive_entry_set_size(entry, 2);
    archive_write_header(a, entry);
    archive_write_data(a, "{}", 2);
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_mode(entry, mode);
    if (S_ISLNK(mode))
        archive_entry_set_symlink(entry, "/etc/passwd");
    archive_entry_set_size(entry, (int64_t)content.len);
    archive_write_header(a, entry);
    archive_write_data(a, content.base, content.len);
    archive_entry_free(entry);
    archive_write_close(a);
    archive_write_free(a);
    return buf_take(&out, pool);
}

static void a_zip_is_walked_where_it_is_allowed(void **state)
{
    struct text good = zip("a/logo.svg", S_IFREG | 0644, TEXT("<svg/>"), true);
    struct text seen;
    struct err err;

    walks(good, "theme.json:2={};a/logo.svg:6=<svg/>;");
    assert_fails(walk_limited(good, BUNDLE_TGZ, &bundle_package_limits, &seen, &err), err,
                 ERR_UNPROCESSABLE, "bad_bundle");
    refused(zip("../a", S_IFREG | 0644, TEXT("x"), true), "\"..\"");
    refused(zip("/a", S_IFREG | 0644, TEXT("x"), true), "absolute");
    refused(zip("a", S_IFLNK | 0777, TEXT("x"), true), "links");
    refused(zip("theme.json", S_IFREG | 0644, TEXT("x"), true), "twice");
}

static void a_zip_with_other_bytes_is_refused(void **state)
{
    struct text good = zip("a", S_IFREG | 0644, TEXT("content"), false), damaged;

    refused(join(good, TEXT("x")), "directory");
    refused(join(good, good), "directory");
    refused(join(TEXT("PK\003\004"), good), "directory");
    for (size_t n = 0; n < good.len; n++)
        refused(text_sub(good, 0, n), "");
    damaged = text_dup(pool, good);
    char *at = memmem(damaged.base, damaged.len, "content", 7);
    *at ^= 1;
    refused(damaged, "");
}

static void a_zip_bomb_is_refused(void **state)
{
    char *zero = pool_zalloc(pool, 64 << 20);

    refused(zip("a", S_IFREG | 0644, text_n(zero, 64 << 20), true), "far more");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    T(a_zip_is_walked_where_it_is_allowed),
    T(a_zip_with_other_bytes_is_refused),
    T(a_zip_bomb_is_refused),
};
UNIT_MAIN(tests)
