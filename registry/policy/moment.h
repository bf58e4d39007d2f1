/* Moments as packuments write them. Pure. */
#pragma once

#include "core/text.h"

/* "2026-01-02T03:04:05.678Z" in ms since 1970; 0 for anything else. Fractions may be missing. */
int64_t moment_read(struct text iso);
