/* The route tables as OpenAPI 3.1. */
#pragma once

struct buf;
struct router;

/* Rows say what they take and answer by words of server/api.json (http/route.h); cookie is the name
 * of the portal's. */
void openapi_write(struct buf *out, const struct router *router, const char *public_url,
                   const char *cookie);
