/*
 * A range of addresses, such as 10.0.0.0/8 or 2001:db8::/32. IPv4 is the mapped part of IPv6, so
 * that there is one kind and a dual-stack socket's "::ffff:10.0.0.1" is inside 10.0.0.0/8. Pure.
 */
#pragma once

#include "core/text.h"

struct network {
    unsigned char bytes[16];
    unsigned bits;
};

/* An address, or one with "/BITS" behind it. Bits that the range leaves free may be set. */
bool network_parse(struct text t, struct network *out);
bool network_has(const struct network *network, const unsigned char address[16]);
/* Without zone, port or brackets. */
bool network_address(struct text t, unsigned char out[16]);
