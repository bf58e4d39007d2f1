/*
 * Instances as rows: what should run, with which limits, and the last known state. For workers. The
 * keeper makes the world match; whoever changes a row pokes it.
 */
#pragma once

#include "core/text.h"
#include "tenants/state.h"

#include <stdint.h>

struct db_conn;
struct err;
struct json_writer;
struct pool;
struct tenants;

enum desired { DESIRED_RUNNING, DESIRED_STOPPED, DESIRED_REMOVED };

struct instance {
    struct text id, slug, tenant, name, stack, cause, credential_secret, settings;
    enum desired desired;
    enum instance_state state;
    int64_t since, generation, restarts;
    int64_t memory_bytes, cpu_percent, pids;
};

struct instance_wish {
    struct text tenant, slug, name, stack; /* name, stack may be absent */
    int64_t memory_bytes;                  /* 0: the default */
};
/* "bad_slug", "slug_taken" (with a proposal in the sentence), "slug_reserved", "no_stack". */
int instance_create(struct tenants *tenants, struct pool *pool, const struct instance_wish *wish,
                    struct text *id, struct err *err);
int instance_by_slug(struct tenants *tenants, struct pool *pool, struct text slug,
                     struct instance *out, struct err *err);
int instance_by_id(struct tenants *tenants, struct pool *pool, struct text id, struct instance *out,
                   struct err *err);
int instance_desire(struct tenants *tenants, struct text id, enum desired desired, struct err *err);
int instance_change(struct tenants *tenants, struct text id, struct text name, struct text stack,
                    int64_t memory_bytes, struct err *err);
/* The move as a row; also restarts and cause. Part of the keeper's work. */
int instance_save_state(struct tenants *tenants, const char *id, enum instance_state state,
                        const char *cause, int64_t restarts, struct err *err);
/* generation + 1, state starting: the row follows the tenant's own file (storage_begin). */
int instance_next_generation(struct tenants *tenants, const struct instance *instance,
                             int64_t *generation, struct err *err);
int instance_set_versions(struct tenants *tenants, const char *id, struct text node_red,
                          struct text node, struct err *err);
int instance_delete(struct tenants *tenants, const char *id, struct err *err);
/* Ids of all rows, for the keeper's start. */
int instance_each(struct tenants *tenants, int (*fn)(void *arg, struct text id, struct err *err),
                  void *arg, struct err *err);
struct instance_page {
    struct text ids;    /* a JSON array of the tenants' ids; absent: of all */
    struct text cursor; /* the slug to go on after */
    int64_t limit;
    struct text next; /* filled: absent when the list ended */
};

/* The API's object, for one row by id, or a page of a list. */
int instance_json(struct tenants *tenants, struct json_writer *w, struct text id, struct err *err);
int instance_list_json(struct tenants *tenants, struct json_writer *w, struct instance_page *page,
                       struct pool *pool, struct err *err);
