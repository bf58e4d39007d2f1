#include "registry/source.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/file.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/seal.h"
#include "http/operation.h"
#include "registry/source_part.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LANE_WAITING 256
#define REFS_BYTES (16u << 20)
#define NEW_AT_ONCE 20 /* tags that one look builds; the next look takes the rest */

/* Rows. */

int source_get(struct sources *sources, struct pool *pool, struct text id, struct source *out,
               struct err *err)
{
    static const char sql[] = "SELECT id, tenant, url, tags, coalesce(token, ''), secret, "
                              "created_by FROM source WHERE id = ?";
    struct source s;
    auto_read struct db_read r = db_read(sources->db, err);

    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, pool, err, sql, "s", "sssssss", id, &s.id, &s.tenant, &s.url, &s.tags,
               &s.token, &s.secret, &s.created_by) != 0)
        return err->kind == ERR_NOT_FOUND
                   ? err_set(err, ERR_NOT_FOUND, "source_not_found", "There is no such source.")
                   : -1;
    *out = s;
    return 0;
}

int source_note(struct sources *sources, struct text id, const char *cause, struct err *err)
{
    static const char sql[] = "UPDATE source SET polled_at = ?, cause = ? WHERE id = ?";
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, sources->db, err) != 0 ||
        db_do(tx.conn, err, sql, "izs", clock_wall_ms(), cause, id) < 0)
        return -1;
    return db_commit(&tx, err);
}

struct names {
    struct text *all;
    size_t n, room;
};

static void names_add(struct names *names, struct pool *pool, struct text name)
{
    if (names->n == names->room) {
        names->room = names->room > 0 ? 2 * names->room : 16;
        struct text *more = pool_alloc(pool, names->room * sizeof(*more));
        if (names->n > 0)
            memcpy(more, names->all, names->n * sizeof(*more));
        names->all = more;
    }
    names->all[names->n++] = name;
}

/* The names of the logs that go with it, below the folder of logs. */
static int list_logs(struct db_conn *conn, struct pool *pool, const char *sql, struct text id,
                     struct names *logs, struct err *err)
{
    struct text build;
    auto_rows struct db_rows q = {0};

    if (db_each (&q, conn, err, sql, "s", id) != 0)
        return -1;
    while (db_next(&q, pool, "s", &build))
        names_add(logs, pool, text_printf(pool, "%.*s.log", TEXT_ARG(build)));
    return q.failed ? -1 : 0;
}

int source_forget(struct sources *sources, struct pool *pool, struct text id, bool failed_only,
                  struct err *err)
{
    static const char all[] = "SELECT id FROM build WHERE source = ?1"
                              " UNION ALL SELECT 'source-' || ?1";
    static const char failed[] = "SELECT id FROM build WHERE source = ? AND state = 'failed'";
    static const char drop_all[] = "DELETE FROM source WHERE id = ?";
    static const char drop_failed[] = "DELETE FROM build WHERE source = ? AND state = 'failed'";
    struct names logs = {0};
    {
        auto_tx struct db_tx tx = {0};
        if (db_begin(&tx, sources->db, err) != 0 ||
            list_logs(tx.conn, pool, failed_only ? failed : all, id, &logs, err) != 0 ||
            db_do(tx.conn, err, failed_only ? drop_failed : drop_all, "s", id) < 0 ||
            db_commit(&tx, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < logs.n; i++)
        (void)file_unlink(
            pool_printf(pool, "%s/%.*s", sources->config.logs_dir, TEXT_ARG(logs.all[i])), NULL);
    return 0;
}

/* Looking at a repository. */

struct look {
    struct sources *sources;
    char id[32];
    char operation[27]; /* "": nobody's */
    /* what it came to */
    unsigned built, failed;
    struct err first; /* failure of a build */
};

static void step(const struct look *l, struct text sentence)
{
    if (l->operation[0] != '\0')
        operation_progress(l->sources->config.operations, l->operation, -1, sentence);
}

static int list_refs(struct sources *sources, struct pool *pool, const struct source *source,
                     struct json **refs, struct err *err)
{
    auto_free char *log_path =
        xprintf("%s/source-%.*s.log", sources->config.logs_dir, TEXT_ARG(source->id));
    auto_close int log =
        open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const struct source_runner *run = &sources->config.runner;
    struct text input = build_git_input(sources, pool, source, "list", TEXT_NONE, TEXT_NONE, err);
    const char *repository = source_repository(sources, pool, source->url, err);
    auto_buf struct buf content = {0};
    char job[27];
    int exit_code = 0, rc;

    if (log < 0)
        return err_errno(err, "%s cannot be written", log_path);
    if (input.base == NULL || repository == NULL)
        return -1;
    random_id(job);
    buf_init(&content, REFS_BYTES);
    rc = run->git(run->arg, job, repository, input, log, &exit_code, err);
    if (rc == 0 && exit_code != 0)
        rc = build_job_failed(sources, pool, job, exit_code, err);
    const char *path = pool_printf(pool, "%s/%s/out/refs.json", run->jobs_dir, job);
    if (rc == 0)
        rc = file_read(path, REFS_BYTES, &content, err);
    if (rc == 0)
        rc = json_read(pool, buf_take(&content, pool), 200000, refs, err);
    run->clean(run->arg, job);
    return rc;
}

static void build_one(struct look *l, struct pool *pool, const struct source *source,
                      struct text tag, const char *build)
{
    struct err err;

    step(l, text_printf(pool, "Building %.*s", TEXT_ARG(tag)));
    l->built++;
    if (build_run(l->sources, source, build, &err) == 0)
        return;
    if (l->failed++ == 0)
        err_set(&l->first, err.kind, err.code, "%.*s: %s", TEXT_ARG(tag), err.text);
}

/* Queues a build for each tag that fits and has none; runs them. */
static int build_new(struct look *l, struct pool *pool, const struct source *source,
                     const struct json *refs, struct err *err)
{
    json_each (item, json_get(refs, "refs")) {
        struct text name, commit;
        char build[27];
        bool made = false;
        if (json_need_text(item, "name", &name, err) != 0 ||
            json_need_text(item, "commit", &commit, err) != 0)
            return -1;
        struct text tag = text_sub(name, 10, name.len);
        if (!text_starts(name, "refs/tags/") || !text_glob(source->tags, tag))
            continue;
        if (build_queue(l->sources, source->id, tag, commit, build, &made, err) != 0)
            return -1;
        if (!made)
            continue;
        build_one(l, pool, source, tag, build);
        if (l->built == NEW_AT_ONCE)
            break;
    }
    return 0;
}

static int look_now(struct look *l, struct pool *pool, struct err *err)
{
    struct source source;
    struct json *refs = NULL;
    struct err ignored;

    if (source_get(l->sources, pool, text_of(l->id), &source, err) != 0)
        return -1;
    step(l, TEXT("Looking at the repository"));
    int rc = list_refs(l->sources, pool, &source, &refs, err);
    if (rc == 0 && l->operation[0] != '\0')
        rc = source_forget(l->sources, pool, source.id, true, err);
    if (rc == 0)
        rc = build_new(l, pool, &source, refs, err);
    if (rc != 0)
        log_warn("source", err->text, "source=%s", l->id);
    (void)source_note(l->sources, source.id, rc != 0 ? err->text : NULL, &ignored);
    return rc;
}

/* Tells who asked by hand what it came to. */
static void report(struct look *l, struct pool *pool, const struct err *problem)
{
    struct err some;

    if (l->operation[0] == '\0')
        return;
    if (problem == NULL && l->failed > 1) {
        err_set(&some, l->first.kind, l->first.code, "%u of %u builds failed. %s", l->failed,
                l->built, l->first.text);
        problem = &some;
    } else if (problem == NULL && l->failed == 1) {
        problem = &l->first;
    } else if (problem == NULL) {
        step(l, l->built == NEW_AT_ONCE ? TEXT("Built many; the next look takes the rest")
                : l->built > 0          ? text_printf(pool, "Built %u new", l->built)
                                        : TEXT("Nothing new"));
    }
    operation_end(l->sources->config.operations, l->operation, problem);
}

static void look(void *arg)
{
    struct look *l = arg;
    auto_pool struct pool *pool = pool_new();
    struct err err;

    int rc = look_now(l, pool, &err);
    report(l, pool, rc != 0 ? &err : NULL);
    atomic_fetch_sub(&l->sources->looks, 1);
    free(l);
}

bool source_look(struct sources *sources, const char *id, const char *operation)
{
    struct look *l = xcalloc(1, sizeof(*l));

    l->sources = sources;
    snprintf(l->id, sizeof(l->id), "%s", id);
    snprintf(l->operation, sizeof(l->operation), "%s", operation != NULL ? operation : "");
    atomic_fetch_add(&sources->looks, 1);
    if (lane_post(sources->lane, look, l))
        return true;
    atomic_fetch_sub(&sources->looks, 1);
    free(l);
    return false;
}

void sources_poll(struct sources *sources)
{
    static const char sql[] =
        "SELECT id FROM source WHERE polled_at < ? ORDER BY polled_at LIMIT 50";
    auto_pool struct pool *pool = pool_new();
    struct err err;
    struct text id;
    auto_read struct db_read r = db_read(sources->db, &err);
    auto_rows struct db_rows q = {0};

    if (atomic_load(&sources->looks) > 0)
        return; /* the last round is not through yet */
    if (r.conn == NULL ||
        db_each (&q, r.conn, &err, sql, "i", clock_wall_ms() - sources->config.poll_ms) != 0)
        return;
    while (db_next(&q, pool, "s", &id))
        (void)source_look(sources, text_c(pool, id), NULL);
}

struct sources *sources_open(const struct sources_config *config, struct err *err)
{
    static const char cut[] = "UPDATE build SET state = 'failed', ended_at = ?,"
                              " cause = 'The server ended meanwhile; build it again.'"
                              " WHERE state NOT IN ('done', 'failed')";
    struct sources *sources = xcalloc(1, sizeof(*sources));
    auto_tx struct db_tx tx = {0};

    sources->config = *config;
    sources->db = config->registry->config.control;
    if (db_begin(&tx, sources->db, err) != 0 ||
        db_do(tx.conn, err, cut, "i", clock_wall_ms()) < 0 || db_commit(&tx, err) != 0) {
        free(sources);
        return NULL;
    }
    sources->lane = lane_new("builds", 1, LANE_WAITING);
    return sources;
}

void sources_stop(struct sources *sources)
{
    if (sources == NULL)
        return;
    lane_stop(sources->lane);
    free(sources);
}
