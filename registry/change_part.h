/* What the files of changes share. Inside registry/ only. */
#pragma once

#include "registry/change.h"
#include "registry/hook/hook.h"
#include "registry/package.h"
#include "registry/permission.h"

struct db_tx;

/* Opens the transaction and reads the package; checks the permission and, if given, the revision.
 */
int change_begin(const struct change *c, enum permission_need need, struct db_tx *tx,
                 struct text rev, struct package *p, struct err *err);
/* Keeps a note for the webhooks; package, tenant and user are filled in. */
int change_tell(const struct change *c, struct db_conn *conn, struct hook_note note,
                struct err *err);
/* Counts the change, commits, tells who wants to know. */
int change_end(const struct change *c, struct db_tx *tx, struct err *err);
