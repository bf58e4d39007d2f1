#include "tenants/instance.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/name.h"
#include "core/pool.h"
#include "core/seal.h"
#include "http/account.h"
#include "http/reserved.h"
#include "tenants/tenants.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY_LEAST (128ll << 20)
#define MEMORY_MOST (16ll << 30)

static const char *const desired_names[] = {"running", "stopped", "removed"};

#define INSTANCE_COLUMNS                                                                           \
    "id, slug, tenant, name, stack, coalesce(cause, ''), credential_secret, settings, desired, "   \
    "state,"                                                                                       \
    " since, generation, restarts, memory_bytes, cpu_percent, pids"

static int get_one(struct tenants *tenants, struct pool *pool, const char *sql, struct text key,
                   struct instance *out, struct err *err)
{
    struct text desired, state;
    struct instance i = {0};
    auto_read struct db_read r = db_read(tenants->config.control, err);

    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, pool, err, sql, "s", "ssssssssssiiiiii", key, &i.id, &i.slug, &i.tenant,
               &i.name, &i.stack, &i.cause, &i.credential_secret, &i.settings, &desired, &state,
               &i.since, &i.generation, &i.restarts, &i.memory_bytes, &i.cpu_percent,
               &i.pids) != 0) {
        if (err->kind == ERR_NOT_FOUND)
            err_set(err, ERR_NOT_FOUND, "instance_not_found", "There is no such instance.");
        return -1;
    }
    for (int d = 0; d < 3; d++)
        if (text_is(desired, desired_names[d]))
            i.desired = (enum desired)d;
    state_parse(state, &i.state);
    *out = i;
    return 0;
}

int instance_by_slug(struct tenants *tenants, struct pool *pool, struct text slug,
                     struct instance *out, struct err *err)
{
    static const char sql[] = "SELECT " INSTANCE_COLUMNS " FROM instance WHERE slug = ?";

    return get_one(tenants, pool, sql, slug, out, err);
}

int instance_by_id(struct tenants *tenants, struct pool *pool, struct text id, struct instance *out,
                   struct err *err)
{
    static const char sql[] = "SELECT " INSTANCE_COLUMNS " FROM instance WHERE id = ?";

    return get_one(tenants, pool, sql, id, out, err);
}

/* ERR_CONFLICT with the next free name in the sentence. */
static int check_free(struct db_conn *conn, struct pool *pool, struct text slug, struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM instance WHERE slug = ?";
    int64_t taken = 0;

    if (db_get(conn, pool, err, sql, "s", "i", slug, &taken) != 0)
        return -1;
    if (taken == 0)
        return 0;
    for (int n = 2; n < 100; n++) {
        struct text other = text_printf(pool, "%.*s-%d", TEXT_ARG(slug), n);
        if (db_get(conn, pool, err, sql, "s", "i", other, &taken) != 0)
            return -1;
        if (taken == 0)
            return err_set(err, ERR_CONFLICT, "slug_taken",
                           "The instance name \"%.*s\" is taken; \"%.*s\" is free.", TEXT_ARG(slug),
                           TEXT_ARG(other));
    }
    return err_set(err, ERR_CONFLICT, "slug_taken", "The instance name \"%.*s\" is taken.",
                   TEXT_ARG(slug));
}

static int check_stack(struct db_conn *conn, struct pool *pool, struct text stack, struct err *err)
{
    static const char sql[] = "SELECT state FROM stack WHERE name = ?";
    struct text state;

    if (db_get(conn, pool, err, sql, "s", "s", stack, &state) != 0) {
        if (err->kind == ERR_NOT_FOUND)
            err_set(err, ERR_UNPROCESSABLE, "no_stack",
                    "There is no stack \"%.*s\"; an admin adds it with `redhouse stack add %.*s`.",
                    TEXT_ARG(stack), TEXT_ARG(stack));
        return -1;
    }
    if (!text_is(state, "ready"))
        return err_set(err, ERR_UNPROCESSABLE, "stack_not_ready", "The stack \"%.*s\" is %.*s.",
                       TEXT_ARG(stack), TEXT_ARG(state));
    return 0;
}

static int check_memory(int64_t bytes, struct err *err)
{
    if (bytes < MEMORY_LEAST || bytes > MEMORY_MOST)
        return err_set(err, ERR_UNPROCESSABLE, "bad_memory",
                       "Memory must be between 128 MB and 16 GB.");
    return 0;
}

int instance_create(struct tenants *tenants, struct pool *pool, const struct instance_wish *wish,
                    struct text *id, struct err *err)
{
    static const char sql[] =
        "INSERT INTO instance (id, slug, tenant, name, stack, desired, state, since, memory_bytes,"
        " cpu_percent, pids, credential_secret, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'running', 'stopped', ?, ?, ?, ?, ?, ?)";
    const struct tenants_config *config = &tenants->config;
    struct text stack = wish->stack.len > 0 ? wish->stack : text_of(config->default_stack);
    struct text name = wish->name.len > 0 ? wish->name : wish->slug;
    int64_t memory = wish->memory_bytes > 0 ? wish->memory_bytes : config->memory_bytes;
    int64_t now = clock_wall_ms();
    char new_id[27];

    if (name_check_slug(wish->slug, "The instance name", "bad_slug", err) != 0 ||
        check_memory(memory, err) != 0)
        return -1;
    if (reserved_slug(wish->slug))
        return err_set(err, ERR_CONFLICT, "slug_reserved",
                       "The name \"%.*s\" is reserved; choose another.", TEXT_ARG(wish->slug));
    if (name.len > 100 || !text_is_printable(name) || !text_is_utf8(name))
        return err_set(err, ERR_UNPROCESSABLE, "bad_name",
                       "The name must be printable text of at most 100 bytes.");
    random_id(new_id);
    struct text secret =
        seal_put(config->seal, pool, text_printf(pool, "instance.credentials:%s", new_id),
                 random_text(pool, 32));
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, config->control, err) != 0 ||
        check_free(tx.conn, pool, wish->slug, err) != 0 ||
        check_stack(tx.conn, pool, stack, err) != 0 ||
        db_do(tx.conn, err, sql, "zssssiiiisi", new_id, wish->slug, wish->tenant, name, stack, now,
              memory, config->cpu_percent, config->pids, secret, now) < 0 ||
        db_commit(&tx, err) != 0)
        return -1;
    *id = text_of(pool_strdup(pool, new_id));
    return 0;
}

/* One change of one row in a transaction of its own. */
#define change_row(tenants, err, sql, ...)                                                         \
    ({                                                                                             \
        auto_tx struct db_tx change_tx = {0};                                                      \
        db_begin(&change_tx, (tenants)->config.control, (err)) != 0 ||                             \
                db_do(change_tx.conn, (err), (sql), __VA_ARGS__) < 0 ||                            \
                db_commit(&change_tx, (err)) != 0                                                  \
            ? -1                                                                                   \
            : 0;                                                                                   \
    })

int instance_desire(struct tenants *tenants, struct text id, enum desired desired, struct err *err)
{
    static const char sql[] =
        "UPDATE instance SET desired = ? WHERE id = ? AND desired <> 'removed'";

    return change_row(tenants, err, sql, "zs", desired_names[desired], id);
}

int instance_change(struct tenants *tenants, struct text id, struct text name, struct text stack,
                    int64_t memory_bytes, struct err *err)
{
    static const char sql[] =
        "UPDATE instance SET name = coalesce(?, name), stack = coalesce(?, stack),"
        " memory_bytes = CASE WHEN ? > 0 THEN ? ELSE memory_bytes END WHERE id = ?";
    auto_pool struct pool *pool = pool_new();
    auto_tx struct db_tx tx = {0};

    if (memory_bytes != 0 && check_memory(memory_bytes, err) != 0)
        return -1;
    if (name.base != NULL &&
        (name.len == 0 || name.len > 100 || !text_is_printable(name) || !text_is_utf8(name)))
        return err_set(err, ERR_UNPROCESSABLE, "bad_name",
                       "The name must be printable text of at most 100 bytes.");
    if (db_begin(&tx, tenants->config.control, err) != 0 ||
        (stack.base != NULL && check_stack(tx.conn, pool, stack, err) != 0) ||
        db_do(tx.conn, err, sql, "ssiis", name, stack, memory_bytes, memory_bytes, id) < 0)
        return -1;
    return db_commit(&tx, err);
}

int instance_save_state(struct tenants *tenants, const char *id, enum instance_state state,
                        const char *cause, int64_t restarts, struct err *err)
{
    static const char sql[] =
        "UPDATE instance SET state = ?, since = ?, cause = ?, restarts = ? WHERE id = ?";

    return change_row(tenants, err, sql, "zizis", state_name(state), clock_wall_ms(), cause,
                      restarts, text_of(id));
}

int instance_next_generation(struct tenants *tenants, const struct instance *instance,
                             int64_t *generation, struct err *err)
{
    static const char sql[] =
        "UPDATE instance SET generation = ?, state = 'starting', since = ?, cause = NULL"
        " WHERE id = ?";
    int64_t next = instance->generation + 1;

    if (change_row(tenants, err, sql, "iis", next, clock_wall_ms(), instance->id) != 0)
        return -1;
    *generation = next;
    return 0;
}

int instance_set_versions(struct tenants *tenants, const char *id, struct text node_red,
                          struct text node, struct err *err)
{
    static const char sql[] = "UPDATE instance SET node_red = ?, node = ? WHERE id = ?";

    return change_row(tenants, err, sql, "ssz", node_red, node, id);
}

int instance_delete(struct tenants *tenants, const char *id, struct err *err)
{
    static const char sql[] = "DELETE FROM instance WHERE id = ?";

    return change_row(tenants, err, sql, "z", id);
}

int instance_each(struct tenants *tenants, int (*fn)(void *arg, struct text id, struct err *err),
                  void *arg, struct err *err)
{
    static const char sql[] = "SELECT id FROM instance ORDER BY id";
    auto_pool struct pool *pool = pool_new();
    auto_read struct db_read r = db_read(tenants->config.control, err);
    auto_rows struct db_rows q = {0};
    struct text id;

    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "") != 0)
        return -1;
    while (db_next(&q, pool, "s", &id))
        if (fn(arg, id, err) != 0)
            return -1;
    return q.failed ? -1 : 0;
}
