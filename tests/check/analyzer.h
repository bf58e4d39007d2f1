/*
 * Read before each file that tests/check/tidy looks at: what the analyzer cannot see from another
 * file, that failing returns -1.
 */
#pragma once

#include "core/err.h"

#ifndef ERR_DEFINED_HERE
#define err_set(...) ((void)(err_set)(__VA_ARGS__), -1)
#define err_errno(...) ((void)(err_errno)(__VA_ARGS__), -1)
#define err_disk_full(err) ((void)(err_disk_full)(err), -1)
#endif
