#include "tenants/sandbox/cgroup_tree.h"

#include "core/err.h"

#include <stdio.h>
#include <string.h>

static const char *const part_names[CGROUP_PARTS] = {
    [CGROUP_MEMORY] = "memory",   [CGROUP_PIDS] = "pids",       [CGROUP_CPU] = "cpu",
    [CGROUP_CPUACCT] = "cpuacct", [CGROUP_FREEZER] = "freezer", [CGROUP_UNIFIED] = "",
};

static bool list_has(const char *list, const char *word)
{
    size_t n = strlen(word);

    while (*list != '\0') {
        size_t len = strcspn(list, ", \n");
        if (len == n && memcmp(list, word, n) == 0)
            return true;
        list += len;
        list += strspn(list, ", \n");
    }
    return false;
}

bool cgroup_tree_has_all(const char *controllers)
{
    return list_has(controllers, "memory") && list_has(controllers, "pids") &&
           list_has(controllers, "cpu");
}

void cgroup_tree_line(struct cgroup_tree *tree, char *line)
{
    char *tail = strstr(line, " - ");
    char *save = NULL, *mount = NULL;

    if (tail == NULL)
        return;
    *tail = '\0';
    tail += 3;
    mount = strtok_r(line, " ", &save);
    for (int i = 0; i < 4 && mount != NULL; i++)
        mount = strtok_r(NULL, " ", &save);
    char *type = strtok_r(tail, " \n", &save);
    char *source = strtok_r(NULL, " \n", &save);
    char *options = strtok_r(NULL, " \n", &save);
    if (mount == NULL || type == NULL || source == NULL || options == NULL ||
        strlen(mount) >= sizeof(tree->mounts[0]) || strchr(mount, '\\') != NULL)
        return;
    if (strcmp(type, "cgroup2") == 0)
        memcpy(tree->mounts[CGROUP_UNIFIED], mount, strlen(mount) + 1);
    if (strcmp(type, "cgroup") != 0)
        return;
    for (int i = 0; i < CGROUP_UNIFIED; i++)
        if (list_has(options, part_names[i]))
            memcpy(tree->mounts[i], mount, strlen(mount) + 1);
}

static bool v2_has_controllers(const char *mount)
{
    char path[PATH_MAX + 32], list[256];

    snprintf(path, sizeof(path), "%s/cgroup.controllers", mount);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool yes = fgets(list, sizeof(list), f) != NULL && cgroup_tree_has_all(list);
    fclose(f);
    return yes;
}

int cgroup_tree_find(struct cgroup_tree *tree, struct err *err)
{
    char line[2 * PATH_MAX];
    FILE *f = fopen("/proc/self/mountinfo", "re");

    memset(tree, 0, sizeof(*tree));
    if (f == NULL)
        return err_errno(err, "cannot read /proc/self/mountinfo");
    while (fgets(line, sizeof(line), f) != NULL)
        cgroup_tree_line(tree, line);
    fclose(f);
    tree->v2 =
        tree->mounts[CGROUP_UNIFIED][0] != '\0' && v2_has_controllers(tree->mounts[CGROUP_UNIFIED]);
    if (tree->v2)
        return 0;
    for (int i = CGROUP_MEMORY; i <= CGROUP_CPU; i++)
        if (tree->mounts[i][0] == '\0')
            return err_set(err, ERR_UNAVAILABLE, "no_cgroup",
                           "the kernel offers no cgroup controller \"%s\"; mount cgroup v2 with "
                           "memory, pids and cpu",
                           part_names[i]);
    return 0;
}
