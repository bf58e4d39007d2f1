/* Base scores of CVSS 3.0 and 3.1. Pure. */
#pragma once

#include "core/text.h"

/* "CVSS:3.1/AV:N/AC:L/…" to tenths (98 is 9.8); -1 for anything else. */
int cvss_score(struct text vector);
