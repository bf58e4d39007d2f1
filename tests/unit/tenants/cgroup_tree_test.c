#include "tests/unit/unit.h"

#include "tenants/sandbox/cgroup_tree.h"

#include <stdio.h>

static void feed(struct cgroup_tree *tree, const char *line)
{
    char copy[512];

    snprintf(copy, sizeof(copy), "%s", line);
    cgroup_tree_line(tree, copy);
}

static void a_v2_hierarchy_is_found(void **state)
{
    static struct cgroup_tree tree;

    feed(&tree,
         "29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    assert_string_equal(tree.mounts[CGROUP_UNIFIED], "/sys/fs/cgroup");
    assert_string_equal(tree.mounts[CGROUP_MEMORY], "");
}

static void v1_controllers_are_found_where_they_are_bound(void **state)
{
    static struct cgroup_tree tree;

    feed(&tree, "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
    feed(&tree, "32 30 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n");
    feed(&tree, "33 30 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup none rw,memory\n");
    feed(&tree, "34 30 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n");
    feed(&tree, "35 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    assert_string_equal(tree.mounts[CGROUP_CPU], "/sys/fs/cgroup/cpu,cpuacct");
    assert_string_equal(tree.mounts[CGROUP_CPUACCT], "/sys/fs/cgroup/cpu,cpuacct");
    assert_string_equal(tree.mounts[CGROUP_MEMORY], "/sys/fs/cgroup/memory");
    assert_string_equal(tree.mounts[CGROUP_UNIFIED], "/sys/fs/cgroup/unified");
    assert_string_equal(tree.mounts[CGROUP_PIDS], "");
}

static void other_lines_are_passed_over(void **state)
{
    static struct cgroup_tree tree;
    static const struct cgroup_tree empty;

    feed(&tree, "");
    feed(&tree, "\n");
    feed(&tree, " - \n");
    feed(&tree, "1 2 3 - cgroup2\n");
    feed(&tree, "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,memory,cpu,pids\n");
    feed(&tree, "33 30 0:29 / /sys/with\\040blank rw,relatime - cgroup none rw,memory\n");
    assert_memory_equal(&tree, &empty, sizeof(tree));
}

static void all_controllers_are_needed(void **state)
{
    assert_true(cgroup_tree_has_all("cpuset cpu io memory hugetlb pids rdma misc\n"));
    assert_false(cgroup_tree_has_all("cpuset io memory pids\n"));
    assert_false(cgroup_tree_has_all("hugetlb\n"));
    assert_false(cgroup_tree_has_all(""));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_v2_hierarchy_is_found),
    cmocka_unit_test(v1_controllers_are_found_where_they_are_bound),
    cmocka_unit_test(other_lines_are_passed_over),
    cmocka_unit_test(all_controllers_are_needed),
};

UNIT_MAIN(tests)
