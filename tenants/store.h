/*
 * The tenants' own database files, data/tenants/ID.db: at most 64 open, least recently used closed;
 * a file migrates when it is opened. A tenant's query cannot name another tenant's rows, since they
 * are in another file. Thread-safe; for workers.
 */
#pragma once

#include "core/text.h"

struct db;
struct err;
struct store;

struct store *store_open(const char *dir, struct err *err);
void store_close(struct store *store);
/* Borrows the tenant's database (made if missing); give it back with store_release. */
struct db *store_take(struct store *store, const char *tenant, struct err *err);
void store_release(struct store *store, struct db *db);
/* Checkpoints files that went quiet; from a timer's worker. */
void store_quiet(struct store *store);
/* Closes and deletes the tenant's file. */
int store_erase(struct store *store, const char *tenant, struct err *err);

/* A borrowed file that gives itself back. */
struct store_loan {
    struct store *store;
    struct db *db; /* NULL: failed */
};
struct store_loan store_borrow(struct store *store, const char *tenant, struct err *err);
void store_loan_end(struct store_loan *loan);
#define auto_loan __attribute__((cleanup(store_loan_end)))
