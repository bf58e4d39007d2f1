#include "tests/unit/unit.h"

#include "tenants/broker/uids.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASE 200000
#define FIRST (BASE + UIDS_JOBS)

static const char a[] = "01jd00000000000000000000aa", b[] = "01jd00000000000000000000bb";
static char folder[64];
static int dir;

/* The file must be root's, so the test is root's as well. */
static int set_up(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/uids-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    unlinkat(dir, "uids", 0);
    close(dir);
    return rmdir(folder);
}

static void write_bytes(const char *content, size_t n)
{
    int fd = openat(dir, "uids", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, content, n), n);
    close(fd);
}

static void write_file(const char *content)
{
    write_bytes(content, strlen(content));
}

static void assert_file(const char *wanted)
{
    char content[1024] = "";
    int fd = openat(dir, "uids", O_RDONLY | O_CLOEXEC);

    assert_true(read(fd, content, sizeof(content) - 1) >= 0);
    close(fd);
    assert_string_equal(content, wanted);
}

static void a_uid_is_given_once_and_remembered(void **state)
{
    struct uids uids;
    struct err err;
    uid_t uid, again;

    for (int round = 0; round < 2; round++) {
        assert_works(uids_open(&uids, dir, BASE, &err), err);
        assert_works(uids_give(&uids, a, &uid, &err), err);
        assert_int_equal(uid, FIRST);
        assert_works(uids_give(&uids, b, &uid, &err), err);
        assert_int_equal(uid, FIRST + 1);
        assert_true(uids_find(&uids, b, &again));
        assert_int_equal(again, uid);
        assert_false(uids_find(&uids, "01jd00000000000000000000cc", &again));
        uids_close(&uids);
        assert_file("200256 01jd00000000000000000000aa\n200257 01jd00000000000000000000bb\n");
    }
}

static void a_torn_last_line_is_cut_off(void **state)
{
    struct uids uids;
    struct err err;
    uid_t uid;

    write_file("200256 01jd00000000000000000000aa\n200257 01jd000000");
    assert_works(uids_open(&uids, dir, BASE, &err), err);
    assert_works(uids_give(&uids, b, &uid, &err), err);
    assert_int_equal(uid, FIRST + 1);
    uids_close(&uids);
    assert_file("200256 01jd00000000000000000000aa\n200257 01jd00000000000000000000bb\n");
}

/* The power went between the two sectors of a line. */
static void a_last_line_with_a_hole_is_cut_off(void **state)
{
    static const char holed[] = "200256 01jd00000000000000000000aa\n\0\0\0\0\0\0\0\0\000000bb\n";
    struct uids uids;
    struct err err;
    uid_t uid;

    write_bytes(holed, sizeof(holed) - 1);
    assert_works(uids_open(&uids, dir, BASE, &err), err);
    assert_true(uids_find(&uids, a, &uid));
    assert_works(uids_give(&uids, b, &uid, &err), err);
    assert_int_equal(uid, FIRST + 1);
    uids_close(&uids);
    assert_file("200256 01jd00000000000000000000aa\n200257 01jd00000000000000000000bb\n");
    write_bytes("200256 \0\n200257 01jd00000000000000000000bb\n", 44);
    assert_fails(uids_open(&uids, dir, BASE, &err), err, ERR_INTERNAL, "bad_uids");
}

static void uids_of_left_over_folders_are_not_given(void **state)
{
    struct uids uids;
    struct err err;
    uid_t uid;

    assert_works(uids_open(&uids, dir, BASE, &err), err);
    uids_skip(&uids, FIRST + 40);
    uids_skip(&uids, FIRST + 3);
    assert_works(uids_give(&uids, a, &uid, &err), err);
    assert_int_equal(uid, FIRST + 41);
    uids_close(&uids);
}

static void a_file_with_odd_lines_is_refused(void **state)
{
    static const char *const odd[] = {
        "x\n",
        "200256\n",
        "0 01jd00000000000000000000aa\n",
        "199999 01jd00000000000000000000aa\n",
        "99999999999 01jd00000000000000000000aa\n",
        "200256 01jd00000000000000000000a\n",
        "200256 01JD00000000000000000000AA\n",
        "200256 ../../../../../../../etc/x\n",
    };
    struct uids uids;
    struct err err;

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        write_file(odd[i]);
        assert_fails(uids_open(&uids, dir, BASE, &err), err, ERR_INTERNAL, "bad_uids");
    }
}

static void a_file_that_others_can_write_is_refused(void **state)
{
    struct uids uids;
    struct err err;

    write_file("");
    assert_int_equal(fchmodat(dir, "uids", 0622, 0), 0);
    assert_fails(uids_open(&uids, dir, BASE, &err), err, ERR_FORBIDDEN, "bad_uids");
    unlinkat(dir, "uids", 0);
    assert_int_equal(symlinkat("/dev/null", dir, "uids"), 0);
    assert_int_equal(uids_open(&uids, dir, BASE, &err), -1);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    EACH(a_uid_is_given_once_and_remembered), EACH(a_torn_last_line_is_cut_off),
    EACH(a_last_line_with_a_hole_is_cut_off), EACH(uids_of_left_over_folders_are_not_given),
    EACH(a_file_with_odd_lines_is_refused),   EACH(a_file_that_others_can_write_is_refused),
};

UNIT_MAIN(tests)
