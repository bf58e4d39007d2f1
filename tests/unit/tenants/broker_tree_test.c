#include "tests/unit/unit.h"

#include "tenants/broker/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define USER 61200
#define GROUP 61201

static char folder[64];
static int top; /* folder itself; the tree under test is top/tree */

static void put(const char *path, mode_t mode)
{
    int fd = openat(top, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int set_up(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/tree-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    top = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 || mkdirat(top, "tree", 0700) != 0 || mkdirat(top, "tree/sub", 0777) != 0)
        return -1;
    put("tree/sub/file", 0444);
    put("tree/sub/program", 04777);
    put("outside", 0600);
    return symlinkat("sub/file", top, "tree/link");
}

static int tear_down(void **state)
{
    struct err err;

    unlinkat(top, "outside", 0);
    if (tree_remove(top, "tree", &err) != 0)
        return -1;
    close(top);
    return rmdir(folder);
}

static int tree_fd(void)
{
    return openat(top, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int give(struct err *err)
{
    int fd = tree_fd(), rc = tree_give(fd, USER, GROUP, err);

    close(fd);
    return rc;
}

static int harden(struct err *err)
{
    int fd = tree_fd(), rc = tree_harden(fd, err);

    close(fd);
    return rc;
}

static void assert_is(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
    struct stat st;

    assert_int_equal(fstatat(top, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_uid, uid);
    assert_int_equal(st.st_gid, gid);
    if (!S_ISLNK(st.st_mode))
        assert_int_equal(st.st_mode & 07777, mode);
}

static void what_is_given_is_the_users_and_the_groups_to_read(void **state)
{
    struct err err;

    assert_works(give(&err), err);
    assert_is("tree", USER, GROUP, 0750);
    assert_is("tree/sub", USER, GROUP, 0750);
    assert_is("tree/sub/file", USER, GROUP, 0640);
    assert_is("tree/sub/program", USER, GROUP, 0750);
    assert_is("tree/link", USER, GROUP, 0);
}

static void links_that_lead_outside_are_given_but_not_followed(void **state)
{
    struct err err;

    assert_int_equal(symlinkat("../outside", top, "tree/out"), 0);
    assert_int_equal(symlinkat("/etc", top, "tree/etc"), 0);
    assert_works(give(&err), err);
    assert_is("tree/out", USER, GROUP, 0);
    assert_is("outside", 0, 0, 0600);
}

static void what_is_hardened_is_roots_and_everybodys_to_read(void **state)
{
    struct err err;

    assert_works(give(&err), err);
    assert_works(harden(&err), err);
    assert_is("tree", 0, 0, 0755);
    assert_is("tree/sub/file", 0, 0, 0644);
    assert_is("tree/sub/program", 0, 0, 0755);
}

static void links_out_of_a_hardened_tree_are_refused(void **state)
{
    static const char *const out[] = {"../outside", "/etc/passwd", "sub/../../outside",
                                      "nowhere",    "a",           "/proc/self/fd/0"};
    struct err err;

    for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
        assert_int_equal(symlinkat(out[i], top, "tree/a"), 0);
        assert_fails(harden(&err), err, ERR_UNPROCESSABLE, "bad_tree");
        unlinkat(top, "tree/a", 0);
    }
    /* by way of a folder's link that stays inside */
    assert_int_equal(symlinkat("sub", top, "tree/dir"), 0);
    assert_int_equal(symlinkat("dir/../../outside", top, "tree/a"), 0);
    assert_fails(harden(&err), err, ERR_UNPROCESSABLE, "bad_tree");
    unlinkat(top, "tree/a", 0);
    assert_int_equal(symlinkat("dir/file", top, "tree/a"), 0);
    assert_works(harden(&err), err);
}

static void pipes_and_devices_are_refused(void **state)
{
    struct err err;

    assert_int_equal(mkfifoat(top, "tree/sub/pipe", 0600), 0);
    assert_fails(give(&err), err, ERR_UNPROCESSABLE, "bad_tree");
    assert_fails(harden(&err), err, ERR_UNPROCESSABLE, "bad_tree");
}

/* dd/dd/dd … below tree, n deep. */
static void dig(int n)
{
    int at = tree_fd();

    for (int i = 0; i < n; i++) {
        assert_int_equal(mkdirat(at, "dd", 0700), 0);
        int next = openat(at, "dd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    close(at);
}

static void a_tree_of_any_depth_is_removed(void **state)
{
    struct err err;
    struct stat st;

    dig(2000);
    assert_fails(give(&err), err, ERR_UNPROCESSABLE, "bad_tree");
    assert_works(tree_remove(top, "tree", &err), err);
    assert_int_equal(fstatat(top, "tree", &st, AT_SYMLINK_NOFOLLOW), -1);
    assert_works(tree_remove(top, "tree", &err), err);
}

static void removing_follows_no_link(void **state)
{
    struct err err;
    struct stat st;

    assert_int_equal(symlinkat("../outside", top, "tree/a"), 0);
    assert_int_equal(symlinkat("..", top, "tree/b"), 0);
    assert_works(tree_remove(top, "tree", &err), err);
    assert_int_equal(fstatat(top, "outside", &st, 0), 0);
    assert_int_equal(symlinkat(".", top, "tree"), 0);
    assert_works(tree_remove(top, "tree", &err), err);
    assert_int_equal(fstatat(top, "outside", &st, 0), 0);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    EACH(what_is_given_is_the_users_and_the_groups_to_read),
    EACH(links_that_lead_outside_are_given_but_not_followed),
    EACH(what_is_hardened_is_roots_and_everybodys_to_read),
    EACH(links_out_of_a_hardened_tree_are_refused),
    EACH(pipes_and_devices_are_refused),
    EACH(a_tree_of_any_depth_is_removed),
    EACH(removing_follows_no_link),
};

UNIT_MAIN(tests)
