/* The route tables as OpenAPI 3.1. */
#pragma once

struct buf;
struct router;

void openapi_write(struct buf *out, const struct router *router, const char *public_url);
