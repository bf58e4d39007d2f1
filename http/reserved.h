/* Names that no tenant and no instance may have: host names with a meaning, and words of our own
 * addresses. */
#pragma once

#include "core/text.h"

bool reserved_slug(struct text slug);
