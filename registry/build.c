/* One run: check out, pack, publish. */
#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/file.h"
#include "core/json.h"
#include "core/seal.h"
#include "http/account.h"
#include "http/logfile.h"
#include "registry/source_part.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TARBALL_MAX (100u << 20)

struct run {
    struct sources *sources;
    const struct source *source;
    struct pool *pool;
    const char *build;
    struct text ref, commit;
    char job[27];
    int log;
};

int build_queue(struct sources *sources, struct text source, struct text ref, struct text commit,
                char id[27], bool *made, struct err *err)
{
    static const char sql[] =
        "INSERT OR IGNORE INTO build (id, source, ref, commit_id, state, started_at)"
        " VALUES (?, ?, ?, ?, 'queued', ?)";
    auto_tx struct db_tx tx = {0};

    random_id(id);
    if (db_begin(&tx, sources->db, err) != 0)
        return -1;
    int n = db_do(tx.conn, err, sql, "zsssi", id, source, ref, commit, clock_wall_ms());
    if (n < 0)
        return -1;
    *made = n > 0;
    return db_commit(&tx, err);
}

static void tell(struct run *run)
{
    static const char sql[] =
        "SELECT id, source, ref, commit_id AS \"commit\", state, package, version, cause,"
        " started_at AS \"started_at@\", ended_at AS \"ended_at@\" FROM build WHERE id = ?";
    struct sources *sources = run->sources;
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct err err;
    auto_read struct db_read r = db_read(sources->db, &err);

    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    if (r.conn == NULL || db_json(&w, r.conn, &err, sql, "z", run->build) != 0 || out.len < 4)
        return;
    if (sources->config.changed != NULL)
        sources->config.changed(sources->config.arg, text_c(run->pool, run->source->tenant),
                                text_sub(buf_view(&out), 1, out.len - 2));
}

static int set_state(struct run *run, const char *state, struct text package, struct text version,
                     const char *cause, struct err *err)
{
    static const char sql[] =
        "UPDATE build SET state = ?, package = coalesce(?, package),"
        " version = coalesce(?, version), cause = ?, ended_at = ? WHERE id = ?";
    static const char last[] = "UPDATE source SET last_commit = ? WHERE id = ?";
    bool done = strcmp(state, "done") == 0;
    bool over = done || strcmp(state, "failed") == 0;
    {
        auto_tx struct db_tx tx = {0};
        if (db_begin(&tx, run->sources->db, err) != 0)
            return -1;
        int n = over ? db_do(tx.conn, err, sql, "zsszis", state, package, version, cause,
                             clock_wall_ms(), text_of(run->build))
                     : db_do(tx.conn, err, sql, "zsszns", state, package, version, cause,
                             text_of(run->build));
        if (n < 0 || (done && db_do(tx.conn, err, last, "ss", run->commit, run->source->id) < 0) ||
            db_commit(&tx, err) != 0)
            return -1;
    }
    tell(run);
    return 0;
}

struct text build_git_input(struct sources *sources, struct pool *pool, const struct source *source,
                            const char *mode, struct text ref, struct text commit, struct err *err)
{
    auto_buf struct buf out = {0};
    struct json_writer w;
    struct text token = TEXT_NONE;

    if (source->token.len > 0 &&
        seal_get(sources->config.seal, pool,
                 text_printf(pool, "source.token:%.*s", TEXT_ARG(source->id)), source->token,
                 &token, err) != 0)
        return TEXT_NONE;
    buf_init(&out, 1u << 16);
    json_writer_init(&w, &out);
    json_open(&w);
    json_put_text(&w, "url", source->url);
    json_put_str(&w, "mode", mode);
    json_put_text(&w, "token", token);
    json_put_text(&w, "ref", ref);
    json_put_text(&w, "commit", commit);
    json_put_bool(&w, "private", sources->config.allow_private);
    json_close(&w);
    return buf_take(&out, pool);
}

int build_job_failed(struct sources *sources, struct pool *pool, const char *job, int exit_code,
                     struct err *err)
{
    auto_buf struct buf text = {0};
    struct err none;

    buf_init(&text, 4096);
    if (file_read(pool_printf(pool, "%s/%s/out/error.txt", sources->config.runner.jobs_dir, job),
                  4096, &text, &none) == 0 &&
        text.len > 0 && text_is_utf8(buf_view(&text)))
        return err_set(err, ERR_UPSTREAM, "git_failed", "%.*s", TEXT_ARG(buf_view(&text)));
    return err_set(err, ERR_UPSTREAM, "build_failed",
                   "The build ended with status %d; its log says more.", exit_code);
}

static void say(struct run *run, const char *line)
{
    dprintf(run->log, "== %s\n", line);
}

/* The one tarball that npm pack left. */
static int read_tarball(struct run *run, struct text *out, struct err *err)
{
    const char *folder =
        pool_printf(run->pool, "%s/%s/out", run->sources->config.runner.jobs_dir, run->job);
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char found[256] = "";
    auto_buf struct buf content = {0};

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (text_ends(text_of(entry->d_name), ".tgz"))
            snprintf(found, sizeof(found), "%s", entry->d_name);
    if (dir != NULL)
        closedir(dir);
    if (found[0] == '\0')
        return err_set(err, ERR_UNPROCESSABLE, "no_tarball",
                       "npm pack made no tarball; the log says more.");
    buf_init(&content, TARBALL_MAX);
    if (file_read(pool_printf(run->pool, "%s/%s", folder, found), TARBALL_MAX, &content, err) != 0)
        return -1;
    *out = buf_take(&content, run->pool);
    return 0;
}

static int publish(struct run *run, struct text tarball, struct err *err)
{
    struct registry *registry = run->sources->config.registry;
    struct tarball_publish spec = {.tarball = tarball,
                                   .tenant = text_c(run->pool, run->source->tenant),
                                   .user = run->source->created_by,
                                   .source = TARBALL_BUILD,
                                   .commit = run->commit};
    struct text name, version;

    if (registry_publish_tarball(registry, run->pool, &spec, &name, &version, err) != 0)
        return -1;
    dprintf(run->log, "== published %.*s@%.*s\n", TEXT_ARG(name), TEXT_ARG(version));
    return set_state(run, "done", name, version, NULL, err);
}

static int steps(struct run *run, struct err *err)
{
    const struct source_runner *runner = &run->sources->config.runner;
    struct text ref = text_printf(run->pool, "refs/tags/%.*s", TEXT_ARG(run->ref));
    struct text input =
        build_git_input(run->sources, run->pool, run->source, "checkout", ref, run->commit, err);
    const char *repository = source_repository(run->sources, run->pool, run->source->url, err);
    struct text tarball;
    int exit_code = 0;

    if (input.base == NULL || repository == NULL ||
        set_state(run, "fetching", TEXT_NONE, TEXT_NONE, NULL, err) != 0)
        return -1;
    say(run, "fetching");
    if (runner->git(runner->arg, run->job, repository, input, run->log, &exit_code, err) != 0)
        return -1;
    if (exit_code != 0)
        return build_job_failed(run->sources, run->pool, run->job, exit_code, err);
    say(run, "npm pack");
    if (set_state(run, "packing", TEXT_NONE, TEXT_NONE, NULL, err) != 0 ||
        runner->pack(runner->arg, run->job, "", run->log, &exit_code, err) != 0)
        return -1;
    if (exit_code != 0)
        return err_set(err, ERR_UNPROCESSABLE, "pack_failed",
                       "npm pack ended with status %d; the log says why.", exit_code);
    say(run, "publishing");
    if (set_state(run, "publishing", TEXT_NONE, TEXT_NONE, NULL, err) != 0 ||
        read_tarball(run, &tarball, err) != 0)
        return -1;
    return publish(run, tarball, err);
}

int build_run(struct sources *sources, const struct source *source, const char *build,
              struct err *err)
{
    static const char sql[] = "SELECT ref, commit_id FROM build WHERE id = ?";
    auto_pool struct pool *pool = pool_new();
    auto_free char *log_path = xprintf("%s/%s.log", sources->config.logs_dir, build);
    struct run run = {.sources = sources, .source = source, .pool = pool, .build = build};
    struct err ignored;
    int rc;

    random_id(run.job);
    run.log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    rc = run.log >= 0 ? 0 : err_errno(err, "%s cannot be written", log_path);
    if (rc == 0) {
        auto_read struct db_read r = db_read(sources->db, err);
        rc = r.conn == NULL
                 ? -1
                 : db_get(r.conn, pool, err, sql, "z", "ss", build, &run.ref, &run.commit);
    }
    if (rc == 0)
        rc = steps(&run, err);
    if (rc != 0) {
        if (run.log >= 0)
            dprintf(run.log, "== failed: %s\n", err->text);
        (void)set_state(&run, "failed", TEXT_NONE, TEXT_NONE, err->text, &ignored);
    }
    sources->config.runner.clean(sources->config.runner.arg, run.job);
    if (run.log >= 0) {
        logfile_finish(run.log);
        close(run.log);
    }
    return rc;
}
