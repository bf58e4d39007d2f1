#include "tenants/stack.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/embedded.h"
#include "core/err.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/pool.h"
#include "http/call.h"
#include "http/operation.h"
#include "http/route.h"
#include "tenants/stack_install.h"
#include "tenants/tenants.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

extern const struct embedded tenants_stacks[];

const struct embedded *stack_file(struct text name, const char *file)
{
    for (const struct embedded *e = tenants_stacks; e->name != NULL; e++) {
        struct text path = text_of(e->name), folder;
        if (text_cut(&path, '/', &folder) && text_eq(folder, name) && text_is(path, file))
            return e;
    }
    return NULL;
}

static int put_row(struct db_conn *conn, struct text name, const char *state, const char *cause,
                   struct err *err)
{
    static const char sql[] =
        "INSERT INTO stack (name, state, cause, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET state = excluded.state, cause = excluded.cause";

    return db_do(conn, err, sql, "szzi", name, state, cause, clock_wall_ms()) < 0 ? -1 : 0;
}

int stack_set_state(struct tenants *tenants, struct text name, const char *state, const char *cause,
                    struct err *err)
{
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, tenants->config.control, err) != 0 ||
        put_row(tx.conn, name, state, cause, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

int stack_set_versions(struct tenants *tenants, struct text name, struct text node_red,
                       struct text node, struct err *err)
{
    static const char sql[] = "UPDATE stack SET node_red = ?, node = ? WHERE name = ?";
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, tenants->config.control, err) != 0 ||
        db_do(tx.conn, err, sql, "sss", node_red, node, name) < 0)
        return -1;
    return db_commit(&tx, err);
}

/* The exact versions that a stack's lock file names. */
static int note_versions(struct tenants *tenants, struct text name, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct stack_lock lock;

    if (stack_lock_read(pool, name, &lock, err) != 0)
        return -1;
    return stack_set_versions(tenants, name, lock.node_red, lock.node.version, err);
}

int stack_find(struct tenants *tenants, struct err *err)
{
    static const char cut[] =
        "UPDATE stack SET state = 'failed', cause = 'The server ended meanwhile; add it again.'"
        " WHERE state = 'installing'";
    auto_pool struct pool *pool = pool_new();

    {
        auto_tx struct db_tx tx = {0};
        if (db_begin(&tx, tenants->config.control, err) != 0 || db_do(tx.conn, err, cut, "") < 0 ||
            db_commit(&tx, err) != 0)
            return -1;
    }
    for (const struct embedded *e = tenants_stacks; e->name != NULL; e++) {
        struct text path = text_of(e->name), name;
        struct stat st;
        if (!text_cut(&path, '/', &name) || !text_is(path, "package.json"))
            continue;
        const char *node =
            pool_printf(pool, "%s/%.*s/bin/node", tenants->config.stacks_dir, TEXT_ARG(name));
        if (stat(node, &st) == 0 && (stack_set_state(tenants, name, "ready", NULL, err) != 0 ||
                                     note_versions(tenants, name, err) != 0))
            return -1;
    }
    return 0;
}

/* Routes. */

static void get_stacks(struct call *c)
{
    static const char sql[] =
        "SELECT name, node_red, node, state, cause, created_at AS \"created_at@\","
        " (SELECT count(*) FROM instance AS i WHERE i.stack = stack.name) AS instances"
        " FROM stack ORDER BY name";
    struct tenants *tenants = c->area;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;
    auto_read struct db_read r = db_read(tenants->config.control, &err);

    buf_init(&out, 1u << 20);
    json_writer_init(&w, &out);
    json_open(&w);
    json_key(&w, "items");
    if (r.conn == NULL || db_json(&w, r.conn, &err, sql, "") != 0) {
        call_fail(c, &err);
        return;
    }
    json_put_str(&w, "next", NULL);
    json_close(&w);
    call_json(c, 200, &out);
}

static void install(void *arg)
{
    struct stack_job *job = arg;
    struct err err;

    int rc = stack_install(job, &err);
    if (rc == 0)
        rc = stack_set_state(job->tenants, text_of(job->name), "ready", NULL, &err);
    if (rc == 0)
        rc = note_versions(job->tenants, text_of(job->name), &err);
    if (rc != 0) {
        struct err ignored;
        log_error("stack", err.text, "stack=%s", job->name);
        (void)stack_set_state(job->tenants, text_of(job->name), "failed", err.text, &ignored);
    }
    operation_end(job->tenants->config.operations, job->operation, rc != 0 ? &err : NULL);
    free(job);
}

static int begin(struct tenants *tenants, struct call *c, struct text name, char operation[27],
                 struct err *err)
{
    struct operation_spec spec = {"stack.add", NULL, name, c->who->user};
    struct stack_job *job;

    if (stack_set_state(tenants, name, "installing", NULL, err) != 0 ||
        operation_begin(tenants->config.operations, &spec, operation, err) != 0)
        return -1;
    job = xcalloc(1, sizeof(*job));
    job->tenants = tenants;
    snprintf(job->name, sizeof(job->name), "%.*s", TEXT_ARG(name));
    memcpy(job->operation, operation, sizeof(job->operation));
    if (lane_post(tenants->stack_lane, install, job))
        return 0;
    free(job);
    err_set(err, ERR_UNAVAILABLE, "busy", "Other stacks are being installed; try again later.");
    operation_end(tenants->config.operations, operation, err);
    return -1;
}

static void post_stack(struct call *c)
{
    struct tenants *tenants = c->area;
    const struct json *doc;
    struct text spec;
    struct stat st;
    char operation[27];
    struct err err;

    if (call_json_body(c, &doc, &err) != 0 || json_need_text(doc, "spec", &spec, &err) != 0)
        goto fail;
    if (stack_file(spec, "package.json") == NULL) {
        err_set(&err, ERR_UNPROCESSABLE, "unknown_stack",
                "There is no lock file for \"%.*s\"; node-red@5 and node-red@4.1 are known.",
                TEXT_ARG(text_sub(spec, 0, 60)));
        goto fail;
    }
    const char *node =
        pool_printf(c->pool, "%s/%.*s/bin/node", tenants->config.stacks_dir, TEXT_ARG(spec));
    if (stat(node, &st) == 0) {
        struct operation_spec done = {"stack.add", NULL, spec, c->who->user};
        if (stack_set_state(tenants, spec, "ready", NULL, &err) != 0 ||
            note_versions(tenants, spec, &err) != 0 ||
            operation_begin(tenants->config.operations, &done, operation, &err) != 0)
            goto fail;
        operation_end(tenants->config.operations, operation, NULL);
    } else if (begin(tenants, c, spec, operation, &err) != 0) {
        goto fail;
    }
    operation_answer(tenants->config.operations, c, operation);
    return;
fail:
    call_fail(c, &err);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/stacks",
     .handle = get_stacks,
     .who = WHO_USER,
     .summary = "the stacks",
     .answer = "[Stack]"},
    {.method = "POST",
     .path = "/api/v1/stacks",
     .handle = post_stack,
     .who = WHO_ADMIN,
     .summary = "installs a stack from its committed lock file",
     .body = "NewStack",
     .answer = "Started",
     .status = 202},
};

int stack_routes(struct tenants *tenants, struct router *router, struct err *err)
{
    return router_add(router, routes, sizeof(routes) / sizeof(routes[0]), tenants, err);
}
