/* Names that no tenant and no instance may have: host names with a meaning, and words of our own
 * addresses. */
#pragma once

#include "core/text.h"

bool reserved_slug(struct text slug);
/* npm scopes of others that Node-RED, Node.js and their packages come under: a tenant of that name
 * would stand in their way, since a tenant's scope is served by us alone. */
bool reserved_scope(struct text slug);
