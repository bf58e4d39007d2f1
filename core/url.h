/* Addresses of HTTP: what they are joined to and whose they are. Over curl's reader, so that what
 * is judged is what is asked. */
#pragma once

#include "core/text.h"

struct err;
struct pool;

/* "https://registry.example:443": scheme, host in lower case and port, always. ERR_INVALID
 * "bad_url" unless it is http or https with a host. */
int url_origin(struct pool *pool, const char *url, const char **origin, struct err *err);
/* What reference, maybe relative, means on the page at base; without a fragment. ERR_INVALID
 * "bad_url", also for other schemes. */
int url_join(struct pool *pool, const char *base, const char *reference, const char **out,
             struct err *err);
/* An address that may be asked: http or https, a host, neither a name with a password nor a
 * fragment, nor control characters. ERR_INVALID "bad_url". */
int url_check(const char *url, struct err *err);
/* The address without a name and password in it, for people to see. */
const char *url_shown(struct pool *pool, const char *url);
