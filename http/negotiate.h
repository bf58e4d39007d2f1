/*
 * What a client has and takes: entity tags, encodings, ranges (RFC 9110). Pure; absent headers have
 * a NULL base.
 */
#pragma once

#include "core/text.h"

/* Does If-None-Match name etag (quoted), by weak comparison? "*" names all. */
bool negotiate_has(struct text if_none_match, struct text etag);

enum coding { CODING_PLAIN, CODING_GZIP, CODING_ZSTD, CODING_COUNT };
/* The encodings a client takes, a bit each (1 << CODING_GZIP…); CODING_PLAIN always. */
unsigned negotiate_codings(struct text accept_encoding);

enum range { RANGE_ALL, RANGE_PART, RANGE_NEVER };
/* One range of a body of that size. RANGE_ALL for what is absent, malformed, in other units or more
 * than one; RANGE_NEVER when it lies past the end. */
enum range negotiate_range(struct text range, uint64_t size, uint64_t *from, uint64_t *len);
