/*
 * The node types that a Node-RED package registers, read from its sources without running them:
 * what stands as a literal in registerType("…"). Pure.
 */
#pragma once

#include "core/text.h"

#define NODETYPES_MAX 500 /* of one package */
#define NODETYPE_MAX_LEN 100

struct nodetypes {
    struct text all[NODETYPES_MAX];
    size_t n;
};

/* Adds the types that source names and that are not there yet; views into source. */
void nodetypes_scan(struct nodetypes *types, struct text source);
