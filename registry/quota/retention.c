#include "registry/quota/retention.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/pool.h"
#include "registry/area.h"
#include "registry/hook/hook.h"
#include "registry/package.h"
#include "registry/semver.h"
#include "registry/stock/stock.h"

#define BY TEXT("retention") /* who, on tombstones */
#define DAY_MS (24 * 3600 * 1000ll)
#define AT_ONCE 1000
#define MOST_USERS 1000

int retention_read(struct db_conn *conn, struct pool *pool, const char *tenant,
                   struct retention *out, struct err *err)
{
    static const char sql[] =
        "SELECT coalesce(keep, -1), coalesce(days, -1) FROM package_retention WHERE tenant = ?";
    struct err why;
    *out = (struct retention){-1, -1};
    if (db_get(conn, pool, &why, sql, "z", "ii", tenant, &out->keep, &out->days) == 0 ||
        why.kind == ERR_NOT_FOUND)
        return 0;
    return err_set(err, why.kind, why.code, "%s", why.text);
}

int retention_set(struct db_conn *conn, const char *tenant, const struct retention *rule,
                  const char *by, struct err *err)
{
    static const char sql[] =
        "INSERT INTO package_retention (tenant, keep, days, changed_by, changed_at) VALUES (?, "
        "iif(?2 < 0, NULL, ?2), iif(?3 < 0, NULL, ?3), ?4, ?5) ON CONFLICT (tenant) DO UPDATE SET "
        "keep = excluded.keep, days = excluded.days, changed_by = excluded.changed_by, changed_at "
        "= excluded.changed_at";
    return db_do(conn, err, sql, "ziizi", tenant, rule->keep, rule->days, by, clock_wall_ms()) < 0
               ? -1
               : 0;
}

/* The versions of one package that instances have, or will have after their next start. */
struct in_use {
    struct text package;  /* absent: not asked yet */
    struct text versions; /* a line each */
    bool all;             /* too many to tell: used, as far as we know */
};

struct users {
    struct buf *out;
    size_t n;
};

static bool note_user(void *arg, const struct package_user *user)
{
    struct users *u = arg;
    buf_text(u->out, user->version);
    buf_char(u->out, '\n');
    buf_text(u->out, user->pending_version);
    buf_char(u->out, '\n');
    u->n++;
    return true;
}

static int ask_users(struct registry *registry, struct db_conn *conn, struct pool *pool,
                     struct text package, struct in_use *used, struct err *err)
{
    const struct registry_config *config = &registry->config;
    auto_buf struct buf out = {0};
    struct users users = {.out = &out};
    struct package_users query = {
        .conn = conn, .package = package, .limit = MOST_USERS, .each = note_user, .arg = &users};
    buf_init(&out, (size_t)1 << 20);
    if (config->users_of != NULL && config->users_of(config->arg, pool, &query, err) != 0)
        return -1;
    *used = (struct in_use){.package = package,
                            .versions = text_dup(pool, buf_view(&out)),
                            .all = users.n == MOST_USERS || buf_failed(&out)};
    return 0;
}

static bool is_used(const struct in_use *used, struct text version)
{
    struct text rest = used->versions, line;
    while (!used->all && text_cut(&rest, '\n', &line))
        if (line.len > 0 && text_eq(line, version))
            return true;
    return used->all;
}

struct finding {
    struct registry *registry;
    struct db_conn *conn;
    struct pool *pool;
    struct retention rule;
    int64_t now_ms;
    struct text package; /* the one that is counted */
    int64_t newer;       /* its pre-releases so far, newest first */
    struct in_use used;
    struct retention_item *list;
    unsigned n, most;
    struct err *err;
};

static int judge(struct finding *f, const struct retention_item *item, bool tagged)
{
    struct semver v;
    if (!text_eq(f->package, item->package)) {
        f->package = item->package;
        f->newer = 0;
    }
    if (!semver_parse(item->version, &v) || v.pre.len == 0)
        return 0;
    int64_t newer = f->newer++;
    if (tagged || (f->rule.keep >= 0 && newer < f->rule.keep) ||
        (f->rule.days >= 0 && item->published_ms > f->now_ms - f->rule.days * DAY_MS))
        return 0;
    if (!text_eq(f->used.package, item->package) &&
        ask_users(f->registry, f->conn, f->pool, item->package, &f->used, f->err) != 0)
        return -1;
    if (is_used(&f->used, item->version))
        return 0;
    struct retention_item *made = pool_alloc(f->pool, sizeof *made);
    *made = *item;
    made->next = f->list;
    f->list = made;
    f->n++;
    return 0;
}

int retention_find(struct registry *registry, struct pool *pool, const char *tenant, unsigned most,
                   struct retention_item **out, struct err *err)
{
    static const char sql[] =
        "SELECT v.package, v.version, v.bytes, v.published_at, EXISTS (SELECT 1 FROM package_tag "
        "AS t WHERE t.package = v.package AND t.version = v.version) FROM package AS p JOIN "
        "package_version AS v ON v.package = p.name WHERE p.tenant = ? ORDER BY v.package DESC, "
        "v.published_at DESC, v.id DESC";
    struct finding f = {
        .registry = registry, .pool = pool, .now_ms = clock_wall_ms(), .most = most, .err = err};
    struct retention_item item = {0};
    int64_t tagged;
    *out = NULL;
    auto_read struct db_read r = db_read(registry->config.control, err);
    if (r.conn == NULL || retention_read(r.conn, pool, tenant, &f.rule, err) != 0)
        return -1;
    if (f.rule.keep < 0 && f.rule.days < 0)
        return 0;
    f.conn = r.conn;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, err, sql, "z", tenant) != 0)
        return -1;
    while (f.n < most && db_next(&q, pool, "ssiii", &item.package, &item.version, &item.bytes,
                                 &item.published_ms, &tagged))
        if (judge(&f, &item, tagged != 0) != 0)
            return -1;
    *out = f.list;
    return q.failed ? -1 : 0;
}

/* Looks once more, where nobody else writes: it may have got a tag or a user since. */
static int remove_one(struct registry *registry, struct pool *pool, const char *tenant,
                      const struct retention_item *item, bool *removed, struct err *err)
{
    static const char sql[] =
        "SELECT count(*) FROM package_version AS v WHERE package = ?1 AND version = ?2 AND NOT "
        "EXISTS (SELECT 1 FROM package_tag WHERE package = ?1 AND version = ?2)";
    struct hook_note note = {.event = HOOK_UNPUBLISH,
                             .tenant = tenant,
                             .package = item->package,
                             .user = BY,
                             .version = item->version};
    struct in_use used;
    int64_t there, now = clock_wall_ms();
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, registry->config.control, err) != 0 ||
        db_get(tx.conn, pool, err, sql, "ss", "i", item->package, item->version, &there) != 0 ||
        ask_users(registry, tx.conn, pool, item->package, &used, err) != 0)
        return -1;
    *removed = there > 0 && !is_used(&used, item->version);
    if (!*removed)
        return 0;
    if (package_remove_version(tx.conn, pool, item->package, item->version, BY, now, err) != 0 ||
        hook_note(registry, tx.conn, pool, &note, err) != 0 ||
        package_finish(tx.conn, pool, item->package, now, err) != 0 || db_commit(&tx, err) != 0)
        return -1;
    registry_changed(registry, tenant, item->package);
    return 0;
}

static int run_tenant(struct stock_run *run, const char *tenant, struct err *err)
{
    struct registry *registry = stock_run_registry(run);
    auto_pool struct pool *pool = pool_new();
    struct retention_item *list;
    if (retention_find(registry, pool, tenant, AT_ONCE, &list, err) != 0)
        return -1;
    for (; list != NULL && stock_run_goes_on(run); list = list->next) {
        bool removed = true;
        struct stock_item item = {.what = "removed",
                                  .package = list->package,
                                  .version = list->version,
                                  .bytes = list->bytes};
        if (!stock_run_spec(run)->dry_run &&
            remove_one(registry, pool, tenant, list, &removed, err) != 0)
            return -1;
        if (!removed)
            continue;
        stock_run_count(run, "removed", 1);
        stock_run_count(run, "removed_bytes", list->bytes);
        stock_run_item(run, &item);
    }
    return 0;
}

int retention_run(struct stock_run *run, struct err *err)
{
    static const char sql[] = "SELECT tenant FROM package_retention WHERE (keep IS NOT NULL OR "
                              "days IS NOT NULL) AND (?1 IS NULL OR tenant = ?1)";
    struct registry *registry = stock_run_registry(run);
    auto_pool struct pool *pool = pool_new();
    struct tenant {
        struct text id;
        struct tenant *next;
    } *list = NULL, one;
    {
        auto_read struct db_read r = db_read(registry->config.control, err);
        auto_rows struct db_rows q = {0};
        if (r.conn == NULL || db_each (&q, r.conn, err, sql, "z", stock_run_spec(run)->tenant) != 0)
            return -1;
        while (db_next(&q, pool, "s", &one.id)) {
            one.next = list;
            list = pool_alloc(pool, sizeof one);
            *list = one;
        }
        if (q.failed)
            return -1;
    }
    for (; list != NULL && stock_run_goes_on(run); list = list->next)
        if (run_tenant(run, text_c(pool, list->id), err) != 0)
            return -1;
    stock_run_progress(run, 100, TEXT("all tenants were looked at"));
    return 0;
}
