/*
 * Packages of a tenant on their way out, as plain npm: a folder or a tar of one (.tgz and
 * packument, laid out as a Verdaccio keeps them, so that one can serve them), or publishes to any
 * registry.
 */
#include "server/move/export.h"

#include "core/file.h"
#include "server/move/mover.h"

#include <stdio.h>
#include <string.h>

#define REPORT_MAX (256u << 20)

int export_tarball(struct export_package *p, struct text version, const struct json *manifest,
                   struct text *out, struct err *err)
{
    const char *path = pool_printf(p->pool, "/npm/%.*s/-/%.*s-%.*s.tgz", TEXT_ARG(p->name.full),
                                   TEXT_ARG(p->name.base), TEXT_ARG(version));

    return client_read(&p->client, path, out, err) != 0
               ? -1
               : mover_check_promise(p->pool, manifest, *out, err);
}

void export_refuse(struct export *e, const char *key, struct text value, const struct err *why)
{
    json_open(&e->report);
    json_put_text(&e->report, key, value);
    json_put_str(&e->report, "code", why->code);
    json_put_str(&e->report, "detail", why->text);
    json_close(&e->report);
    e->refused++;
    ask_say(e->ask, stdout, "  refused: %s %.*s: %s", key, TEXT_ARG(value), why->text);
}

static void take_package(struct export *e, struct text name)
{
    struct export_package p = {.client = e->ask->client};
    struct text text = TEXT_NONE;
    struct json *doc = NULL;
    struct err why;

    p.pool = p.client.pool = pool_new();
    json_open(&e->report);
    json_put_text(&e->report, "name", name);
    int rc = pkgname_split(name, &p.name)
                 ? 0
                 : err_set(&why, ERR_UPSTREAM, "bad_package_name", "This is no name of a package.");
    if (rc == 0)
        rc = client_read(&p.client, pool_printf(p.pool, "/npm/%.*s", TEXT_ARG(name)), &text, &why);
    if (rc == 0)
        rc = json_read(p.pool, text, JSON_MAX_NODES, &doc, &why);
    json_key(&e->report, "refused");
    json_open_array(&e->report);
    if (rc == 0) {
        p.doc = doc;
        rc = e->target->package(e, &p, &why);
    }
    if (rc != 0)
        export_refuse(e, "package", name, &why);
    json_close_array(&e->report);
    json_put_int(&e->report, "written", p.written);
    json_put_int(&e->report, "there", p.there);
    json_close(&e->report);
    ask_say(e->ask, stdout, "%.*s: %lld %s, %lld there already", TEXT_ARG(name),
            (long long)p.written, e->target->done, (long long)p.there);
    e->written += p.written;
    e->there += p.there;
    pool_free(p.pool);
}

/* All packages of the tenant, page by page. */
static int each_package(struct export *e, struct err *err)
{
    struct ask *ask = e->ask;
    struct text next = TEXT_NONE;

    do {
        const char *path = ask_path(ask, "/api/v1/packages?limit=100&tenant=", text_of(e->tenant),
                                    next.base != NULL ? "&cursor=" : "");
        if (next.base != NULL)
            path = ask_path(ask, path, next, "");
        next = TEXT_NONE;
        if (ask_get(ask, path, err) != 0 || json_want_text(ask->doc, "next", &next, err) != 0)
            return -1;
        json_each (item, json_get(ask->doc, "items")) {
            struct text name = TEXT_NONE;
            if (json_need_text(item, "name", &name, err) != 0)
                return -1;
            take_package(e, name);
            e->names[e->n_names++] = text_dup(ask->pool, name);
            if (e->n_names == EXPORT_NAMES_MAX)
                return err_set(err, ERR_TOO_LARGE, "too_many", "These are more than %d packages.",
                               EXPORT_NAMES_MAX);
        }
    } while (next.base != NULL);
    return 0;
}

static int end_report(struct export *e, struct buf *out, struct err *err)
{
    json_close_array(&e->report);
    json_put_int(&e->report, "written", e->written);
    json_put_int(&e->report, "there", e->there);
    json_put_int(&e->report, "refused", e->refused);
    json_close(&e->report);
    e->ask->doc = NULL; /* what is printed is printed here */
    if (e->ask->client.config.json && command_print(out) != 0)
        return err_set(err, ERR_TOO_LARGE, "too_large", "The report is too large to be shown.");
    ask_say(e->ask, stdout, "%zu packages: %lld versions %s, %lld there already, %lld refused",
            e->n_names, (long long)e->written, e->target->done, (long long)e->there,
            (long long)e->refused);
    fflush(stdout);
    return e->refused == 0 ? 0
                           : err_set(err, ERR_UNPROCESSABLE, "export_incomplete",
                                     "%lld could not be exported; the report says which and why.",
                                     (long long)e->refused);
}

int export_packages(struct ask *ask, struct err *err)
{
    const char *out = args_flag(&ask->args, "--out"), *to = args_flag(&ask->args, "--to");
    struct export e = {.ask = ask, .tenant = args_flag(&ask->args, "--tenant")};
    auto_buf struct buf report = {0};
    struct err end;

    if (e.tenant == NULL || (out != NULL) == (to != NULL))
        return err_set(err, ERR_INVALID, "usage",
                       "Say whose packages, --tenant SLUG, and where they go: --out DIR, --out "
                       "FILE.tar or --to URL.");
    e.where = out != NULL ? out : to;
    e.target = to != NULL                        ? &export_to_registry
               : text_ends(text_of(out), ".tar") ? &export_to_tar
                                                 : &export_to_folder;
    e.names = pool_alloc(ask->pool, EXPORT_NAMES_MAX * sizeof(*e.names));
    buf_init(&report, REPORT_MAX);
    json_writer_init(&e.report, &report);
    json_open(&e.report);
    json_put_str(&e.report, "tenant", e.tenant);
    json_put_str(&e.report, "to", e.where);
    json_key(&e.report, "packages");
    json_open_array(&e.report);
    int rc = e.target->open(&e, err);
    if (rc == 0)
        rc = each_package(&e, err);
    if (e.target->close(&e, rc == 0, rc == 0 ? err : &end) != 0)
        rc = -1;
    if (end_report(&e, &report, rc == 0 ? err : &end) != 0)
        rc = -1;
    return rc;
}
