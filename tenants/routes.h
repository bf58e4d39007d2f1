/* What the API files of this area share. */
#pragma once

struct call;
struct err;
struct instance;

/* The instance of the route's :instance, if the caller may see it (else 404) and has all of scopes
 * (else 403). */
int routes_instance(struct call *c, unsigned scopes, struct instance *out, struct err *err);
