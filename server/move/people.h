/* The users of an htpasswd file and the tokens of a Verdaccio, for the report as well. Inside
 * server/move/ only. */
#pragma once

#include "server/move/verdaccio.h"

/* Each becomes a user with the hash that they had, and a developer of the tenants that the import
 * goes to; who is here already stays as they are. */
int people_import(struct mover *m, const struct verdaccio *v, struct err *err);
/* From then on legacy tokens of that Verdaccio count here. */
int people_import_tokens(struct mover *m, const struct verdaccio *v, struct err *err);
