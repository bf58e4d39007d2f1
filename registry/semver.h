/*
 * Versions and ranges as node-semver reads them: strict versions (no "v", no leading zeros), ranges
 * with ~ ^ x - || and its rule for prereleases. Pure, without allocation. Not for: which version a
 * tag names.
 */
#pragma once

#include "core/text.h"

#define SEMVER_MAX 256 /* longest version or range that is looked at */

struct semver {
    int64_t major, minor, patch;
    struct text pre;   /* "beta.1", empty when none; a view into the input */
    struct text build; /* "sha.5"; no part in any comparison */
};

/* False for anything that is not exactly one version of at most SEMVER_MAX bytes. */
bool semver_parse(struct text t, struct semver *out);
/* Below 0, 0 or above 0. Build metadata is ignored. */
int semver_cmp(const struct semver *a, const struct semver *b);
/* Would node-semver read it as a range? ("latest" is not; "1.x", "", "*" and ">=2 <3" are.) */
bool semver_is_range(struct text range);
/* False as well for a malformed range. */
bool semver_satisfies(const struct semver *version, struct text range);
/* As semver_satisfies, but prereleases count like all other versions: what advisories mean. */
bool semver_covers(const struct semver *version, struct text range);
