/*
 * What is known against packages: the rows, their import and what npm audit is told. Names of the
 * world are judged by what was imported, names of ours by what was written here about them: the two
 * never mix, since a private package may be called like something that is not it. Nothing that a
 * client audits leaves the server.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct advisories;
struct buf;
struct db_conn;
struct err;
struct json_writer;
struct osv;
struct pool;
struct registry;
struct router;

struct advisory {
    int64_t number, score; /* score in tenths */
    struct text id, title, url, level, vector, aliases, cwe, vulnerable, patched, published,
        modified;
    int64_t own;
};

enum advisory_change { ADVISORY_NEW, ADVISORY_CHANGED, ADVISORY_SAME, ADVISORY_WITHDRAWN };

/* Writes what an import brings, in the caller's transaction. */
int advisory_keep(struct db_conn *conn, struct pool *pool, const struct osv *osv,
                  enum advisory_change *change, struct err *err);
/* Those of one package, worst first, until fn returns false. own: written here, else imported. */
int advisory_each(struct db_conn *conn, struct pool *pool, struct text package, bool own,
                  bool (*fn)(void *arg, const struct advisory *advisory), void *arg,
                  struct err *err);

/* Imports: one at a time, in a thread of their own. */
struct advisories *advisories_open(struct registry *registry);
void advisories_close(struct advisories *advisories); /* waits for one under way; NULL is fine */

/* Inside: what import.c offers to the routes. ERR_CONFLICT "import_running". */
int advisories_import(struct advisories *advisories, struct text body, const char *user,
                      char operation[27], struct err *err);

int advisory_routes(struct registry *registry, struct router *router, struct err *err);
/* own.c: those that are written here */
int own_routes(struct registry *registry, struct router *router, struct err *err);
/* audit.c: what npm, pnpm and yarn ask */
int audit_routes(struct registry *registry, struct router *router, struct err *err);
