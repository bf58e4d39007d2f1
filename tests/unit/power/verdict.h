/* What was found after a loss: the first thing that is wrong, in words. */
#pragma once

#include <stdbool.h>

struct verdict {
    bool bad;
    char text[600];
};

/* Something is wrong; only the first is kept. */
void verdict_find(struct verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
