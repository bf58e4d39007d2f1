/* What the two files of the storage API share: work on the asker's own rows, its generation
 * checked. */
#pragma once

struct call;
struct db_conn;
struct err;
struct router;
struct tenants;

/* Does its part on the connection; a read answers the call itself, a write leaves that to the
 * caller. */
typedef int storage_work_fn(struct call *c, struct db_conn *conn, struct err *err);

int storage_read(struct call *c, storage_work_fn *work, struct err *err);
int storage_write(struct call *c, storage_work_fn *work, struct err *err);
/* storage_write, then 204 or the failure. */
void storage_answer_write(struct call *c, storage_work_fn *work);
/* ERR_GONE "superseded" unless the asker's generation is the current one. */
int storage_check_generation(struct db_conn *conn, const struct call *c, struct err *err);
int storage_library_routes(struct tenants *tenants, struct router *router, struct err *err);
