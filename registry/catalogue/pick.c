#include "registry/catalogue/pick.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/pool.h"
#include "registry/area.h"
#include "registry/catalogue/catalogue.h"
#include "registry/manifest.h"
#include "registry/pkgname.h"
#include "registry/semver.h"
#include "registry/uplink/uplinks.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FRESH_MS (60 * 60 * 1000)
#define AT_ONCE 20
#define MAX_DESCRIPTION 500
#define MAX_KEYWORDS 50
#define MAX_URL 500

/* What the catalogue says of the latest version. */
struct found {
    struct text version, description, keywords, types, url, deprecated;
    int64_t updated_ms;
};

static struct text text_at(const struct json *node, const char *key, size_t most)
{
    const struct json *child = json_get(node, key);

    if (child == NULL || child->type != JSON_STRING || child->text.len == 0)
        return TEXT_NONE;
    struct text t = text_sub(child->text, 0, most);
    return text_sub(t, 0, text_utf8_prefix(t));
}

static struct text keywords_of(struct pool *pool, const struct json *version)
{
    size_t n = 0;
    auto_buf struct buf out = {0};
    struct json_writer w;

    buf_init(&out, 64 << 10);
    json_writer_init(&w, &out);
    json_open_array(&w);
    json_each (word, json_get(version, "keywords"))
        if (word->type == JSON_STRING && word->text.len <= 100 && n++ < MAX_KEYWORDS)
            json_text(&w, word->text);
    json_close_array(&w);
    return buf_take(&out, pool);
}

static int not_for_it(struct text name, struct err *err)
{
    return err_set(
        err, ERR_UNPROCESSABLE, "not_node_red",
        "\"%.*s\" is no package for Node-RED: its package.json has no \"node-red\" section.",
        TEXT_ARG(name));
}

static int read_document(struct pool *pool, struct text name, struct text doc, struct found *f,
                         struct err *err)
{
    struct json *all;
    struct semver v;

    if (json_read(pool, doc, JSON_MAX_NODES, &all, err) != 0)
        return -1;
    f->version = text_at(json_get(all, "dist-tags"), "latest", SEMVER_MAX);
    const struct json *version = json_get_text(json_get(all, "versions"), f->version);
    if (version == NULL || !semver_parse(f->version, &v))
        return err_set(err, ERR_UPSTREAM, "no_latest",
                       "The uplink names no latest version of \"%.*s\".", TEXT_ARG(name));
    if (json_get(version, "node-red") == NULL)
        return not_for_it(name, err);
    f->description = text_at(version, "description", MAX_DESCRIPTION);
    f->deprecated = text_at(version, "deprecated", 1000);
    f->keywords = keywords_of(pool, version);
    struct text url = text_at(version, "homepage", MAX_URL);
    if (text_starts(url, "https://") && text_is_printable(url))
        f->url = url;
    const struct json *time = json_get_text(json_get(all, "time"), f->version);
    if (time == NULL || time->type != JSON_STRING || !clock_parse_iso(time->text, &f->updated_ms))
        f->updated_ms = clock_wall_ms();
    return 0;
}

/* The node types stand in the sources only. */
static int read_types(struct registry *registry, struct pool *pool, const struct pkgname *name,
                      struct found *f, struct err *err)
{
    struct uplink_file file = {.fd = -1};
    struct manifest m;
    struct text tarball =
        text_printf(pool, "%.*s-%.*s.tgz", TEXT_ARG(name->base), TEXT_ARG(f->version));

    if (uplinks_tarball(registry->uplinks, pool, name, tarball, &file, err) != 0)
        return -1;
    auto_close int fd = file.fd;
    void *p = mmap(NULL, file.bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return err_errno(err, "a tarball cannot be read");
    int failed = manifest_read(pool, text_n(p, file.bytes), &m, err);
    if (failed == 0)
        f->types = text_dup(pool, m.types);
    munmap(p, file.bytes);
    return failed;
}

static int known_types(struct registry *registry, struct pool *pool, struct text name,
                       struct found *f, bool *known, struct err *err)
{
    static const char sql[] = "SELECT types FROM catalogue_public WHERE name = ? AND version = ?"
                              " AND cause IS NULL";
    auto_read struct db_read r = db_read(registry->config.control, err);

    if (r.conn == NULL)
        return -1;
    *known = db_get(r.conn, pool, err, sql, "ss", "s", name, f->version, &f->types) == 0;
    return *known || err->kind == ERR_NOT_FOUND ? 0 : -1;
}

static int look(struct registry *registry, struct pool *pool, const struct pkgname *name,
                struct found *f, struct err *err)
{
    struct text doc;
    bool known = false;

    if (uplinks_refresh(registry->uplinks, name->full, PACKUMENT_FULL, err) != 0 ||
        uplinks_document(registry->uplinks, pool, name->full, PACKUMENT_FULL, &doc, err) != 0 ||
        read_document(pool, name->full, doc, f, err) != 0 ||
        known_types(registry, pool, name->full, f, &known, err) != 0)
        return -1;
    return known ? 0 : read_types(registry, pool, name, f, err);
}

/* cause: why the look failed, kept of what is picked alone: names that do not exist have no end. */
static int keep(struct registry *registry, struct text name, const struct found *f,
                struct text cause, struct err *err)
{
    static const char found_sql[] =
        "INSERT INTO catalogue_public (name, version, description, keywords, types, url, "
        "deprecated,"
        " updated_at, looked_at) VALUES (?1, ?2, coalesce(?3, ''), ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT (name) DO UPDATE SET version = ?2, description = coalesce(?3, ''), keywords "
        "= "
        "?4, types = ?5, url = ?6, deprecated = ?7, updated_at = ?8, looked_at = ?9, cause = NULL";
    static const char failed_sql[] =
        "INSERT INTO catalogue_public (name, looked_at, cause) SELECT ?1, ?2, ?3 WHERE EXISTS"
        " (SELECT 1 FROM catalogue_pick WHERE name = ?1)"
        " ON CONFLICT (name) DO UPDATE SET looked_at = ?2, cause = ?3";
    int64_t now = clock_wall_ms();
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, registry->config.control, err) != 0)
        return -1;
    int rows = cause.base != NULL
                   ? db_do(tx.conn, err, failed_sql, "sis", name, now, cause)
                   : db_do(tx.conn, err, found_sql, "sssssssii", name, f->version, f->description,
                           f->keywords, f->types, f->url, f->deprecated, f->updated_ms, now);
    return rows < 0 ? -1 : db_commit(&tx, err);
}

int pick_refresh(struct registry *registry, struct text name, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct found f = {0};
    struct pkgname split;
    struct err why, ignored;

    if (!pkgname_split(name, &split))
        return err_set(err, ERR_INVALID, "bad_package_name", "This is no package name.");
    if (look(registry, pool, &split, &f, &why) != 0) {
        keep(registry, name, &f, text_of(why.text), &ignored);
        return err_set(err, why.kind, why.code, "%s", why.text);
    }
    if (keep(registry, name, &f, TEXT_NONE, err) != 0)
        return -1;
    catalogue_changed(registry, NULL);
    return 0;
}

/* The background */

struct picks {
    struct registry *registry;
    struct lane *lane;
    int64_t counted_ms; /* of the job alone */
    atomic_bool busy, stopping;
};

struct picks *picks_start(struct registry *registry)
{
    struct picks *p = xcalloc(1, sizeof *p);

    p->registry = registry;
    p->lane = lane_new("catalogue", 1, 1);
    return p;
}

void picks_stop(struct picks *p)
{
    if (p == NULL)
        return;
    atomic_store(&p->stopping, true);
    lane_stop(p->lane);
    free(p);
}

/* Those that somebody picked and that are due. */
static int find_due(struct registry *registry, struct pool *pool, struct text *names, size_t *n,
                    struct err *err)
{
    static const char sql[] = "SELECT name FROM catalogue_public WHERE looked_at < ?"
                              " AND EXISTS (SELECT 1 FROM catalogue_pick AS k WHERE k.name = "
                              "catalogue_public.name) ORDER BY looked_at LIMIT ?";
    auto_read struct db_read r = db_read(registry->config.control, err);
    auto_rows struct db_rows q = {0};

    *n = 0;
    if (r.conn == NULL ||
        db_each (&q, r.conn, err, sql, "ii", clock_wall_ms() - FRESH_MS, (int64_t)AT_ONCE) != 0)
        return -1;
    while (*n < AT_ONCE && db_next(&q, pool, "s", &names[*n]))
        ++*n;
    return q.failed ? -1 : 0;
}

static void look_at_due(void *arg)
{
    struct picks *p = arg;
    auto_pool struct pool *pool = pool_new();
    struct text names[AT_ONCE];
    size_t n = 0;
    struct err err;

    if (find_due(p->registry, pool, names, &n, &err) != 0)
        log_error("registry", err.text, NULL);
    for (size_t i = 0; i < n && !atomic_load(&p->stopping); i++)
        pick_refresh(p->registry, names[i], &err); /* the cause stands in the row */
    /* Counts of downloads grow without a change. */
    if (clock_mono_ms() - p->counted_ms > FRESH_MS) {
        p->counted_ms = clock_mono_ms();
        catalogue_changed(p->registry, NULL);
    }
    atomic_store(&p->busy, false);
}

void picks_look(struct picks *p)
{
    if (p == NULL || atomic_exchange(&p->busy, true))
        return;
    if (!lane_post(p->lane, look_at_due, p))
        atomic_store(&p->busy, false);
}
