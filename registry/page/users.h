/* Who uses a package: the instances that have it, of the tenants that the asker may see. */
#pragma once

#include "core/text.h"

struct call;

/* The tenants whose instances the asker may see, as the filter of package_users; absent: all. */
struct text users_tenants(struct call *c);
