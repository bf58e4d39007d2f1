#include "tests/unit/unit.h"

#include "core/file.h"
#include "tenants/broker/folders.h"
#include "tenants/broker/state.h"
#include "tenants/broker/tree.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct broker broker; /* its stacks folder is folder/stacks */

static void put(const char *path)
{
    int fd = openat(broker.stacks, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0755), 0);
    close(fd);
}

static void make(const char *path)
{
    assert_int_equal(mkdirat(broker.stacks, path, 0700), 0);
    assert_int_equal(fchmodat(broker.stacks, path, 0755, 0), 0);
}

static int set_up(void **state)
{
    char path[80];

    snprintf(folder, sizeof(folder), "/tmp/folders-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/stacks", folder);
    if (mkdir(path, 0755) != 0)
        return -1;
    broker.stacks = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make("one");
    make("one/bin");
    make("one/lib");
    put("one/lib/node");
    return symlinkat("../lib/node", broker.stacks, "one/bin/node");
}

static int tear_down(void **state)
{
    struct err err;

    close(broker.stacks);
    return file_remove_tree(folder, &err);
}

static int open_stack(const char *name, struct err *err)
{
    int fd = folder_open_stack(&broker, name, err);

    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static void a_stack_whose_node_another_could_write_is_refused(void **state)
{
    struct err err;

    assert_works(open_stack("one", &err), err);
    assert_fails(open_stack("two", &err), err, ERR_NOT_FOUND, "no_stack");
    assert_int_equal(fchmodat(broker.stacks, "one/lib", 0775, 0), 0);
    assert_fails(open_stack("one", &err), err, ERR_FORBIDDEN, "bad_stack");
    assert_int_equal(fchmodat(broker.stacks, "one/lib", 0755, 0), 0);
    assert_int_equal(fchownat(broker.stacks, "one/lib/node", 61200, 61200, 0), 0);
    assert_fails(open_stack("one", &err), err, ERR_FORBIDDEN, "bad_stack");
}

static void a_stack_whose_node_lies_elsewhere_is_refused(void **state)
{
    struct err err;

    assert_int_equal(unlinkat(broker.stacks, "one/bin/node", 0), 0);
    assert_int_equal(symlinkat("../../../../bin/sh", broker.stacks, "one/bin/node"), 0);
    assert_fails(open_stack("one", &err), err, ERR_FORBIDDEN, "bad_stack");
}

static int make_for(uid_t uid, struct err *err)
{
    const struct folder_owner owner = {uid, uid, 0700, 0};
    struct stat st;
    int fd = folder_make(broker.stacks, "home", &owner, err);

    if (fd < 0)
        return -1;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_uid, uid);
    assert_int_equal(st.st_gid, uid);
    assert_int_equal(st.st_mode & 07777, 0700);
    close(fd);
    return 0;
}

static void a_folder_that_was_made_and_not_given_is_given(void **state)
{
    struct err err;

    make("home");
    assert_works(make_for(61200, &err), err);
    assert_works(make_for(61200, &err), err);
    assert_fails(make_for(61201, &err), err, ERR_FORBIDDEN, "bad_folder");
}

static void a_folder_of_roots_with_something_in_it_is_refused(void **state)
{
    struct err err;

    make("home");
    put("home/file");
    assert_fails(make_for(61200, &err), err, ERR_FORBIDDEN, "bad_folder");
    assert_int_equal(faccessat(broker.stacks, "home/file", F_OK, 0), 0);
}

static atomic_bool stop;

/* What everybody does who writes files safely, somewhere else on the machine. */
static void *rename_all_the_time(void *arg)
{
    const char *names[] = {"here", "there"};

    for (unsigned n = 0; !atomic_load(&stop); n++)
        (void)renameat(*(int *)arg, names[n % 2], *(int *)arg, names[(n + 1) % 2]);
    return NULL;
}

static void renames_elsewhere_make_no_stack_a_bad_one(void **state)
{
    struct err err = {.text = ""};
    pthread_t thread;
    int elsewhere = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    int stack = openat(broker.stacks, "one", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(mkdirat(elsewhere, "here", 0700), 0);
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, rename_all_the_time, &elsewhere), 0);
    for (int i = 0; i < 5000 && rc == 0; i++)
        rc = open_stack("one", &err);
    for (int i = 0; i < 500 && rc == 0; i++)
        rc = tree_harden(stack, &err);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    close(elsewhere);
    close(stack);
    assert_works(rc, err);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    EACH(a_stack_whose_node_another_could_write_is_refused),
    EACH(a_stack_whose_node_lies_elsewhere_is_refused),
    EACH(a_folder_that_was_made_and_not_given_is_given),
    EACH(a_folder_of_roots_with_something_in_it_is_refused),
    EACH(renames_elsewhere_make_no_stack_a_bad_one),
};

UNIT_MAIN(tests)
