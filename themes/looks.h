/* What wears a theme: style sheets and files, for the portal, its login and editors. */
#pragma once

struct err;
struct router;
struct themes;

int looks_routes(struct themes *themes, struct router *router, struct err *err);
