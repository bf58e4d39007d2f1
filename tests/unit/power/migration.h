/* A migration of a database keeps a backup of the version before. */
#pragma once

#include "tests/unit/power/verdict.h"

#include <stdint.h>

/* Migrates a database in a folder below `base` and loses power at points all along: once the new
 * version is there, so is the backup, whole. */
void migration_lose_power(const char *base, uint64_t seed, struct verdict *v);
