/*
 * Where the cgroup hierarchies are mounted, as /proc/self/mountinfo tells. For cgroup.c only.
 */
#pragma once

#include "tenants/sandbox/cgroup.h"

#include <limits.h>

struct cgroup_tree {
    bool v2;                             /* the v2 hierarchy has memory, pids and cpu */
    char mounts[CGROUP_PARTS][PATH_MAX]; /* "" where there is none */
};

int cgroup_tree_find(struct cgroup_tree *tree, struct err *err);
/* Reads one mountinfo line into tree; other file systems are passed over. */
void cgroup_tree_line(struct cgroup_tree *tree, char *line);
/* Whether the white-space separated list (cgroup.controllers) has all that limits need. */
bool cgroup_tree_has_all(const char *controllers);
