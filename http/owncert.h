/*
 * The carriers' own certificate. Inside a sandbox the platform's public address leads to a carrier;
 * when that address is https, what answers there needs a certificate for its host, also where
 * somebody else ends TLS outside and the server has none. So the server signs one itself, and what
 * runs inside is told to trust it.
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;

/* Makes DIR/default.pem (certificate and key, 0600) for host, unless it is there and good for host
 * for another month. *pem: the certificate alone. */
int owncert_ensure(const char *dir, const char *host, struct pool *pool, struct text *pem,
                   struct err *err);
