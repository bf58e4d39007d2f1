/* Licence expressions of SPDX, as far as packages use them: OR, AND, WITH, brackets. Pure. */
#pragma once

#include "core/text.h"

/* May a licence of this name be used? */
typedef bool licence_fn(void *arg, struct text id);
/* Of "A OR B" one must be allowed, of "A AND B" both; "A WITH B" is A. What is no expression is
 * asked as one name. */
bool licence_allows(struct text expression, licence_fn *fn, void *arg);
