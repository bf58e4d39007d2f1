/* The route tables of organisations and teams, one function a file. */
#pragma once

struct err;
struct registry;
struct router;

/* npm's own: organisations are tenants. */
int team_npm_routes(struct registry *registry, struct router *router, struct err *err);
/* The API's. */
int team_api_routes(struct registry *registry, struct router *router, struct err *err);
