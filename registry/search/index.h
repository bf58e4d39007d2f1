/*
 * The rows that searches read, kept in step with the summaries of packages: one row of facts and,
 * when its words changed, one of full text.
 */
#pragma once

#include "core/text.h"

struct buf;
struct db;
struct db_conn;
struct err;
struct pool;

/* After the summary was written, in its transaction. */
int index_package(struct db_conn *conn, struct pool *pool, struct text name, struct err *err);
/* Before a package that has no version left is removed; no effect on others. */
int index_forget(struct db_conn *conn, struct text name, struct err *err);
/* Packages that have no row yet, such as those from before there was a search. At start. */
int index_missing(struct db *db, struct err *err);
/* "mqttBroker" adds "mqtt Broker ", "JSONStream" "JSON Stream "; what is one part adds nothing. */
void index_parts(struct buf *out, struct text name);
/* "node-red-hello" adds "noderedhello ". */
void index_joined(struct buf *out, struct text name);
