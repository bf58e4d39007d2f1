/* The entries of one folder. */
#pragma once

#include "core/pool.h"

#include <stdlib.h>
#include <string.h>

struct names {
    struct name {
        char *name;
        int node;
    } * list;
    size_t n, cap;
};

static inline int names_find(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->list[i].name, name) == 0)
            return names->list[i].node;
    return -1;
}

static inline void names_drop(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->list[i].name, name) != 0)
            continue;
        free(names->list[i].name);
        names->list[i] = names->list[--names->n];
        return;
    }
}

static inline void names_put(struct names *names, const char *name, int node)
{
    names_drop(names, name);
    if (names->n == names->cap) {
        names->cap = names->cap > 0 ? names->cap * 2 : 8;
        names->list = xrealloc(names->list, names->cap * sizeof(*names->list));
    }
    names->list[names->n++] = (struct name){xstrdup(name), node};
}

static inline void names_free(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->list[i].name);
    free(names->list);
    *names = (struct names){0};
}

static inline struct names names_copy(const struct names *names)
{
    struct names copy = {0};

    for (size_t i = 0; i < names->n; i++)
        names_put(&copy, names->list[i].name, names->list[i].node);
    return copy;
}
