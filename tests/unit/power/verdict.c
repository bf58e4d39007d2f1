#include "tests/unit/power/verdict.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_find(struct verdict *v, const char *fmt, ...)
{
    va_list ap;

    if (v->bad)
        return;
    v->bad = true;
    va_start(ap, fmt);
    vsnprintf(v->text, sizeof(v->text), fmt, ap);
    va_end(ap);
}
