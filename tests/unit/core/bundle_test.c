#include "tests/unit/unit.h"

#include <stdio.h>

#include <zlib.h>

#include "tests/unit/core/bundle_seen.h"

static struct buf tar;

static int setup(void **state)
{
    pool = pool_new();
    buf_init(&tar, (size_t)1 << 30);
    return 0;
}

static int teardown(void **state)
{
    buf_release(&tar);
    pool_free(pool);
    return 0;
}

/* One ustar record by hand, since no honest packer makes the ones that must be refused. */
struct record {
    const char *name;
    const char *content;
    char type; /* 0: file */
    unsigned mode;
    const char *link;
    size_t size; /* 0: the content's length */
};

static void add(struct record r)
{
    char *h = buf_reserve(&tar, 512);
    size_t len = r.content != NULL ? strlen(r.content) : 0;
    unsigned sum = 0;

    memset(h, 0, 512);
    strncat(h, r.name, 99);
    snprintf(h + 100, 8, "%07o", (r.mode != 0 ? r.mode : 0644) & 07777);
    snprintf(h + 108, 8, "%07o", 0);
    snprintf(h + 116, 8, "%07o", 0);
    snprintf(h + 124, 12, "%011zo", r.size != 0 ? r.size : len);
    snprintf(h + 136, 12, "%011o", 0);
    memset(h + 148, ' ', 8);
    h[156] = r.type != 0 ? r.type : '0';
    if (r.link != NULL)
        strncat(h + 157, r.link, 99);
    memcpy(h + 257, "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum & 0777777);
    buf_grew(&tar, 512);
    buf_add(&tar, r.content, len);
    while (tar.len % 512 != 0)
        buf_char(&tar, '\0');
}
#define ADD(n, c, ...) add((struct record){.name = (n), .content = (c), __VA_ARGS__})

static void end_tar(size_t blocks)
{
    char zero[512] = {0};

    for (size_t i = 0; i < blocks; i++)
        buf_add(&tar, zero, sizeof(zero));
}

static struct text gzip(struct text t, int level)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, t.len) + 100;
    char *out = pool_alloc(pool, room);
    z.next_in = (unsigned char *)(uintptr_t)t.base;
    z.avail_in = (uInt)t.len;
    z.next_out = (unsigned char *)out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return text_n(out, room - z.avail_out);
}

static struct text tgz(void)
{
    end_tar(2);
    return gzip(buf_view(&tar), 6);
}

static void files_and_folders_come_in_order(void **state)
{
    ADD("package/", NULL, .type = '5', .mode = 0755);
    ADD("package/package.json", "{}");
    ADD("package/run.sh", "echo", .mode = 0755);
    ADD("package/empty", "");
    walks(tgz(), "package:0/;package/package.json:2={};package/run.sh:4*=echo;package/empty:0=;");
}

static void a_leading_dot_is_dropped(void **state)
{
    ADD("./", NULL, .type = '5', .mode = 0755);
    ADD("./package.json", "{}");
    walks(tgz(), "package.json:2={};");
}

static void long_and_unicode_names_are_read(void **state)
{
    char name[400];
    struct text packed;
    struct err err;

    memset(name, 'n', sizeof(name));
    memcpy(name + 390, "/\xc3\xa9\xe2\x82\xac.js\0", 10);
    struct bundle_file files[] = {{name, TEXT("one")}, {"b", TEXT("two")}};
    assert_works(bundle_pack_tgz(pool, files, 2, &packed, &err), err);
    walks(packed, pool_printf(pool, "%s:3=one;b:3=two;", name));
}

static void packing_is_deterministic(void **state)
{
    struct bundle_file files[] = {{"package/package.json", TEXT("{\"name\":\"a\"}")},
                                  {"package/index.js", TEXT_NONE}};
    struct text a, b;
    struct err err;

    assert_works(bundle_pack_tgz(pool, files, 2, &a, &err), err);
    assert_works(bundle_pack_tgz(pool, files, 2, &b, &err), err);
    assert_true(text_eq(a, b));
    walks(a, "package/package.json:12={\"name\":\"a\"};package/index.js:0=;");
}

static void names_that_leave_the_folder_are_refused(void **state)
{
    static const char *const odd[][2] = {
        {"/etc/passwd", "absolute"}, {"../a", "\"..\""}, {"a/../b", "\"..\""},  {"a/..", "\"..\""},
        {"a//b", "empty"},           {"a/./b", "\".\""}, {"a\\b", "backslash"}, {"a\nb", "UTF-8"},
        {"a\xff", "UTF-8"},          {"././a", "\".\""}, {"", "empty"}};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        buf_clear(&tar);
        ADD("package/package.json", "{}");
        ADD(odd[i][0], "x");
        refused(tgz(), odd[i][1]);
    }
}

static void everything_but_files_and_folders_is_refused(void **state)
{
    static const struct {
        struct record record;
        const char *why;
    } odd[] = {
        {{"a", NULL, '2', 0777, "/etc/passwd", 0}, "links"},
        {{"a", NULL, '1', 0644, "package/package.json", 0}, "links"},
        {{"a", NULL, '3', 0644, NULL, 0}, "neither file nor folder"},
        {{"a", NULL, '4', 0644, NULL, 0}, "neither file nor folder"},
        {{"a", NULL, '6', 0644, NULL, 0}, "neither file nor folder"},
        {{"a", "x", '0', 04755, NULL, 0}, "setuid"},
        {{"a", "x", '0', 02755, NULL, 0}, "setuid"},
    };

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        buf_clear(&tar);
        ADD("package/package.json", "{}");
        add(odd[i].record);
        refused(tgz(), odd[i].why);
    }
}

static void a_sparse_file_is_refused(void **state)
{
    ADD("PaxHeader",
        "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
        "28 GNU.sparse.name=holes.bin\n31 GNU.sparse.realsize=100000000\n",
        .type = 'x');
    char map[513] = "1\n0\n512\n";
    memset(map + 8, '\n', 504);
    buf_add(&tar, NULL, 0);
    ADD("GNUSparseFile.0/holes.bin", map, .size = 1024);
    end_tar(1);
    refused(tgz(), "holes");
}

static void what_is_not_a_whole_archive_is_refused(void **state)
{
    struct text good, damaged;

    ADD("package/package.json", "{\"name\":\"something\"}");
    good = tgz();
    refused(TEXT_NONE, "no .tgz or .zip");
    refused(TEXT("hello"), "no .tgz or .zip");
    refused(TEXT("\x1f\x8b"), "damaged");
    refused(gzip(TEXT(""), 6), "");
    refused(gzip(TEXT("this is no tar"), 6), "damaged");
    for (size_t n = 2; n < good.len; n++)
        refused(text_sub(good, 0, n), "");
    refused(join(good, TEXT("x")), "damaged");
    refused(join(good, text_n("\0", 1)), "damaged");
    refused(join(good, TEXT("\x1f\x8b")), "damaged");
    damaged = text_dup(pool, good);
    ((char *)(uintptr_t)damaged.base)[good.len - 6] ^= 1;
    refused(damaged, "incorrect data check");
    buf_clear(&tar);
    refused(tgz(), "empty");
    buf_clear(&tar);
    end_tar(20);
    refused(gzip(buf_view(&tar), 6), "empty");
}

static void several_members_are_one_archive(void **state)
{
    ADD("package/package.json", "{}");
    end_tar(2);
    struct text all = buf_view(&tar);
    struct text packed = join(gzip(text_sub(all, 0, 700), 6), gzip(text_sub(all, 700, all.len), 6));
    walks(packed, "package/package.json:2={};");
    refused(join(packed, gzip(TEXT("more"), 6)), "bytes follow its end");
    walks(join(packed, gzip(text_n("\0\0\0", 3), 6)), "package/package.json:2={};");
}

static void what_hides_behind_the_end_is_refused(void **state)
{
    ADD("a", "1");
    end_tar(1);
    ADD("hidden", "2");
    refused(tgz(), "bytes follow its end");
    buf_clear(&tar);
    ADD("a", "1");
    end_tar(2);
    ADD("hidden", "2");
    refused(tgz(), "bytes follow its end");
    buf_clear(&tar);
    ADD("a", "1");
    end_tar(400);
    walks(gzip(buf_view(&tar), 6), "a:1=1;");
    buf_char(&tar, 'x');
    refused(gzip(buf_view(&tar), 6), "bytes follow its end");
}

static void a_damaged_header_is_refused(void **state)
{
    ADD("a", "1");
    ADD("b", "2");
    tar.base[1024 + 3] = 'x';
    refused(tgz(), "damaged");
    buf_clear(&tar);
    ADD("a", "1", .size = 100000);
    refused(tgz(), "");
}

static void a_name_that_stands_twice_is_refused(void **state)
{
    ADD("d/", NULL, .type = '5', .mode = 0755);
    ADD("d/", NULL, .type = '5', .mode = 0755);
    ADD("a", "1");
    walks(tgz(), "d:0/;d:0/;a:1=1;");
    buf_clear(&tar);
    ADD("package/package.json", "{}");
    ADD("b", "1");
    ADD("./package/package.json", "{\"evil\":true}");
    refused(tgz(), "twice");
    buf_clear(&tar);
    ADD("d/", NULL, .type = '5', .mode = 0755);
    ADD("d", "1");
    refused(tgz(), "twice");
}

static void limits_are_kept(void **state)
{
    struct bundle_limits limits = {.entries = 2, .total_bytes = 10, .entry_bytes = 6, .ratio = 200};
    struct text seen;
    struct err err;

    ADD("a", "12345");
    ADD("b", "12345");
    struct text fits = tgz();
    assert_works(walk_limited(fits, BUNDLE_TGZ, &limits, &seen, &err), err);
    buf_clear(&tar);
    ADD("a", "1");
    ADD("b", "1");
    ADD("c", "1");
    assert_fails(walk_limited(tgz(), BUNDLE_TGZ, &limits, &seen, &err), err, ERR_UNPROCESSABLE,
                 "bad_bundle");
    buf_clear(&tar);
    ADD("a", "1234567");
    assert_fails(walk_limited(tgz(), BUNDLE_TGZ, &limits, &seen, &err), err, ERR_UNPROCESSABLE,
                 "bad_bundle");
    limits.entry_bytes = 100;
    limits.entries = 100;
    buf_clear(&tar);
    ADD("a", "123456");
    ADD("b", "123456");
    assert_fails(walk_limited(tgz(), BUNDLE_TGZ, &limits, NULL, &err), err, ERR_UNPROCESSABLE,
                 "bad_bundle");
}

static void a_bomb_is_refused_before_it_unpacks(void **state)
{
    struct err err;

    ADD("a", NULL, .size = (size_t)200 << 20);
    char *zero = pool_zalloc(pool, 200 << 20);
    buf_add(&tar, zero, (size_t)200 << 20);
    struct text bomb = tgz();
    assert_true(bomb.len < 1 << 20);
    refused(bomb, "far more");
    buf_clear(&tar);
    ADD("a", "1");
    end_tar(400000);
    refused(gzip(buf_view(&tar), 9), "far more");
    assert_fails(walk_limited(bomb, BUNDLE_TGZ, &bundle_package_limits, NULL, &err), err,
                 ERR_UNPROCESSABLE, "bad_bundle");
}

static int too_much(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                    struct err *err)
{
    struct text content;

    assert_fails(bundle_content(walk, pool, 1, &content, err), *err, ERR_TOO_LARGE, "too_large");
    assert_works(bundle_content(walk, pool, 2, &content, err), *err);
    assert_int_equal(bundle_content(walk, pool, 2, &content, err), -1);
    return err_set(err, ERR_CONFLICT, "mine", "Stop.");
}

static void the_caller_may_stop_the_walk(void **state)
{
    struct err err;

    ADD("a", "12");
    ADD("b", "12");
    assert_fails(bundle_walk(tgz(), BUNDLE_TGZ, &bundle_package_limits, too_much, NULL, &err), err,
                 ERR_CONFLICT, "mine");
    assert_int_equal(bundle_walk(tgz(), BUNDLE_TGZ, &bundle_package_limits, too_much, NULL, &err),
                     -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    T(files_and_folders_come_in_order),
    T(a_leading_dot_is_dropped),
    T(long_and_unicode_names_are_read),
    T(packing_is_deterministic),
    T(names_that_leave_the_folder_are_refused),
    T(everything_but_files_and_folders_is_refused),
    T(a_sparse_file_is_refused),
    T(what_is_not_a_whole_archive_is_refused),
    T(several_members_are_one_archive),
    T(what_hides_behind_the_end_is_refused),
    T(a_damaged_header_is_refused),
    T(a_name_that_stands_twice_is_refused),
    T(limits_are_kept),
    T(a_bomb_is_refused_before_it_unpacks),
    T(the_caller_may_stop_the_walk),
};
UNIT_MAIN(tests)
