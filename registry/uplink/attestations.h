/* What an uplink attests of a public version. Asked each time, since it is small and asked rarely;
 * nothing of it is kept. Blocking. */
#pragma once

#include "core/text.h"

struct err;
struct pkgname;
struct pool;
struct uplinks;

/* {"attestations":[…]} as it came. ERR_NOT_FOUND "no_attestations", "offline"; and as
 * uplinks_refresh. */
int uplinks_attestations(struct uplinks *uplinks, struct pool *pool, const struct pkgname *name,
                         struct text version, struct text *body, struct err *err);
