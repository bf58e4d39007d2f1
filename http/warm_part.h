/* The store below warm.h, without calls. Inside http/ only. */
#pragma once

#include "http/warm.h"

struct content;

#define WARM_ETAG 96 /* bytes of the longest entity tag that is kept, with its end */

/* Held for the caller, with its tag; NULL: it is not there. */
struct content *warm_find(struct warm *warm, struct text group, struct text name,
                          char etag[WARM_ETAG]);
/* Holds content, unless the group was dropped since moment or something is there by that name. */
void warm_keep(struct warm *warm, struct text group, struct text name, uint64_t moment,
               struct content *content, struct text etag);
