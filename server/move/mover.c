#include "server/move/mover.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REPORT_MAX (256u << 20)
#define TRIES 6

static const char *tenant_of(const struct mover *m, struct text name, bool *mapped)
{
    struct text rest = m->map, pair, scope;
    size_t slash = text_find(name, '/', 0);

    while (name.base[0] == '@' && slash != SIZE_MAX && text_cut(&rest, ',', &pair)) {
        struct text slug = text_trim(pair);
        (void)text_cut(&slug, '=', &scope);
        *mapped = slug.len > 0 && text_eq(scope, text_sub(name, 0, slash));
        if (*mapped)
            return text_c(m->ask->pool, slug);
    }
    return m->tenant;
}

void mover_refuse(struct mover *m, const char *key, struct text value, const struct err *why)
{
    json_open(&m->report);
    json_put_text(&m->report, key, value);
    json_put_str(&m->report, "code", why->code);
    json_put_str(&m->report, "detail", why->text);
    json_close(&m->report);
    m->refused++;
    ask_say(m->ask, stdout, "  refused: %s %.*s: %s", key, TEXT_ARG(text_sub(value, 0, 100)),
            why->text);
}

static bool is_busy(const struct err *err)
{
    return strcmp(err->code, "busy") == 0 || strcmp(err->code, "spool_full") == 0 ||
           strcmp(err->code, "closing") == 0 || strcmp(err->code, "write_failed") == 0;
}

/* Then no further package can be sent either. */
static bool is_lost(const struct err *err)
{
    return strncmp(err->code, "upstream_", 9) == 0 || err->kind == ERR_TIMEOUT ||
           strcmp(err->code, "bad_token") == 0 || strcmp(err->code, "login_needed") == 0 ||
           strcmp(err->code, "forbidden") == 0 || is_busy(err);
}

int mover_call(struct mover *m, struct client *client, const char *method, const char *path,
               const struct buf *body, const struct json **doc, struct err *err)
{
    for (unsigned i = 1; client_call(client, method, path, body, doc, err) != 0; i++) {
        if (i == TRIES || !is_busy(err)) {
            m->lost = is_lost(err);
            err->code = pool_strdup(m->ask->pool, err->code); /* outlives the package */
            return -1;
        }
        sleep(i);
    }
    return 0;
}

int mover_open(struct mover *m, struct ask *ask, struct err *err)
{
    const char *map = args_flag(&ask->args, "--map");

    m->ask = ask;
    m->tenant = args_flag(&ask->args, "--tenant");
    m->map = text_of(map != NULL ? map : "");
    m->dry_run = args_flag(&ask->args, "--dry-run") != NULL;
    m->take_over = args_flag(&ask->args, "--take-over") != NULL;
    if (m->tenant == NULL)
        return err_set(err, ERR_INVALID, "usage",
                       "Say whose the packages will be: --tenant SLUG, and --map @scope=slug for "
                       "scopes of other tenants.");
    buf_init(&m->out, REPORT_MAX);
    json_writer_init(&m->report, &m->out);
    json_open(&m->report);
    json_put_str(&m->report, "from", m->from);
    json_put_bool(&m->report, "dry_run", m->dry_run);
    return 0;
}

static void tell(struct mover *m, int64_t percent, struct text step, const char *problem)
{
    auto_buf struct buf body = {0};
    struct json_writer w;
    const struct json *doc;
    struct err ignored;

    if (m->id == NULL)
        return;
    buf_init(&body, 4096);
    json_writer_init(&w, &body);
    json_open(&w);
    if (percent >= 0) {
        json_put_int(&w, "percent", percent);
        json_put_text(&w, "step", step);
    } else {
        json_put_bool(&w, "done", problem == NULL);
        json_put_str(&w, "problem", problem);
    }
    json_close(&w);
    /* an operation that is lost does not stop the packages */
    (void)client_call(&m->ask->client, "PUT",
                      pool_printf(m->ask->pool, "/api/v1/imports/%s", m->id), &body, &doc,
                      &ignored);
}

static int begin(struct mover *m, struct err *err)
{
    struct ask *ask = m->ask;
    struct text id = TEXT_NONE;

    if (m->dry_run)
        return 0;
    json_put_str(&ask->w, "from", m->from);
    if (ask_post(ask, "/api/v1/imports", err) != 0 ||
        json_need_text(ask->doc, "operation.id", &id, err) != 0)
        return -1;
    m->id = text_c(ask->pool, id);
    json_put_text(&m->report, "operation", id);
    return 0;
}

static void take_one(struct mover *m, struct text name, struct err *err)
{
    struct mover_package p = {.client = m->ask->client, .name = name};
    struct err why;

    p.tenant = tenant_of(m, name, &p.mapped);

    p.pool = p.client.pool = pool_new();
    json_open(&m->report);
    json_put_text(&m->report, "name", name);
    json_put_str(&m->report, "tenant", p.tenant);
    int rc = mover_take(m, &p, &why);
    if (rc != 0) {
        json_put_str(&m->report, "code", why.code);
        json_put_str(&m->report, "detail", why.text);
        ask_say(m->ask, stdout, "%.*s: refused: %s", TEXT_ARG(text_sub(name, 0, 220)), why.text);
        m->refused++;
        *err = why;
    } else {
        ask_say(m->ask, stdout, "%.*s: %lld %s, %lld there already, %lld skipped, %lld refused",
                TEXT_ARG(name), (long long)p.added, m->dry_run ? "to take" : "taken",
                (long long)p.there, (long long)p.skipped, (long long)p.refused);
    }
    json_put_int(&m->report, "added", p.added);
    json_put_int(&m->report, "there", p.there);
    json_close(&m->report);
    m->added += p.added;
    m->there += p.there;
    m->skipped += p.skipped;
    pool_free(p.pool);
}

int mover_run(struct mover *m, const struct text *names, size_t n, struct err *err)
{
    if (begin(m, err) != 0)
        return -1;
    json_key(&m->report, "packages");
    json_open_array(&m->report);
    for (size_t i = 0; i < n && !m->lost; i++) {
        tell(m, (int64_t)(i * 100 / n), names[i], NULL);
        take_one(m, names[i], err);
        m->packages++;
    }
    json_close_array(&m->report);
    return m->lost ? -1 : 0;
}

int mover_close(struct mover *m, struct err *err)
{
    json_put_int(&m->report, "added", m->added);
    json_put_int(&m->report, "there", m->there);
    json_put_int(&m->report, "skipped", m->skipped);
    json_put_int(&m->report, "refused", m->refused);
    json_close(&m->report);
    m->ask->doc = NULL; /* what is printed is printed here */
    const char *problem = m->refused == 0
                              ? NULL
                              : pool_printf(m->ask->pool,
                                            "%lld could not be taken; the report of the command "
                                            "says which and why.",
                                            (long long)m->refused);
    tell(m, -1, TEXT_NONE, problem);
    int rc = 0;
    if (m->ask->client.config.json)
        rc = command_print(&m->out);
    ask_say(m->ask, stdout,
            "%lld packages: %lld versions %s, %lld there already, %lld skipped, %lld refused",
            (long long)m->packages, (long long)m->added, m->dry_run ? "to take" : "taken",
            (long long)m->there, (long long)m->skipped, (long long)m->refused);
    buf_release(&m->out);
    if (rc == 0 && problem == NULL)
        return 0;
    fflush(stdout);
    return err_set(err, ERR_UNPROCESSABLE, "import_incomplete", "%s",
                   problem != NULL ? problem : "The report is too large to be shown.");
}
